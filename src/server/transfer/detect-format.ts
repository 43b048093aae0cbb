/** What a file is, by its beginning. */
import { isCsvHeader } from './read-csv.ts';

/** How the records stand in the file; what each of them is shows by its shape. */
export type Container = 'array' | 'object' | 'lines' | 'csv' | 'markdown' | 'zip';

/** Bytes that are looked at. */
export const headBytes = 4_096;

/** Null where it is none of them. */
export function detectContainer(head: Uint8Array): Container | null {
  if (head[0] === 0x50 && head[1] === 0x4b && (head[2] ?? 9) <= 8) return 'zip';
  const text = new TextDecoder().decode(head).trimStart();
  if (text.startsWith('[')) return isMarkdownLink(text) ? 'markdown' : 'array';
  if (text.startsWith('{')) return detectObject(text);
  const [first = ''] = text.split(/\r?\n/, 1);
  if (isCsvHeader(first)) return 'csv';
  return /^\s*(?:[-*+]|\d+[.)]) |^#{1,6} /m.test(text) ? 'markdown' : null;
}

const isMarkdownLink = (text: string): boolean => /^\[[^\]\n"{[]+\]\(/.test(text);

/** One object that holds a list, or one object a line. */
function detectObject(text: string): Container {
  if (/^\{\s*"(?:memories|results|conversations|chats|deduplicate)"\s*:/.test(text)) return 'object';
  const [first = ''] = text.split('\n', 1);
  if (/^\{\s*$/.test(first)) return 'object';
  return 'lines';
}
