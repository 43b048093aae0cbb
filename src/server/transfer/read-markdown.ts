/** Lists in Markdown: each bullet is a memory, headings above it are its type or tags. */
import { memoryLimits, memoryTypes } from '../../core/memory.ts';
import { type Bytes, type Content, fault, type Item, transferLimits } from './item.ts';
import { toMemory } from './memory-record.ts';
import { type Line, readLines } from './read-lines.ts';
import { isObject, shorten } from './values.ts';

/** What our own export adds to an item, so that it comes back as it was. */
export const markdownMark = { before: '<!-- aibrain ', after: ' -->' } as const;

const bullet = /^[-*+] (?:\[[ xX]\] )?|^\d{1,9}[.)] /;
const heading = /^(#{1,6})[ \t]([^\n]*)$/;

interface OpenItem {
  readonly line: number;
  readonly lines: string[];
  readonly headings: readonly string[];
}

export async function* readMarkdown(bytes: Bytes): AsyncGenerator<Item> {
  let index = 0;
  let open: OpenItem | null = null;
  let size = 0;
  let headings: { readonly level: number; readonly text: string }[] = [];
  const close = (item: OpenItem): Item => ({ ...toContent(item), index: index++, place: `line ${item.line}` });
  for await (const { number, text, problem } of linesOf(bytes)) {
    if (text === null) {
      yield { ...fault('', problem ?? ''), index: index++, place: `line ${number}` };
      continue;
    }
    size += text.length;
    const indented = /^(?: {2,}|\t)/.test(text);
    const title = headingOf(text);
    if (bullet.test(text) || (open === null && /^\s+/.test(text) && bullet.test(text.trimStart()))) {
      if (open !== null) yield close(open);
      size = text.length;
      open = { line: number, lines: [text.trimStart().replace(bullet, '')], headings: headings.map((above) => above.text) };
    } else if (open !== null && (indented || text.trim() === '') && size <= transferLimits.recordBytes) {
      open.lines.push(text.replace(/^(?: {2}|\t)/, ''));
    } else {
      if (open !== null) yield close(open);
      open = null;
      if (title !== null) headings = [...headings.filter((above) => above.level < title.level), title];
    }
  }
  if (open !== null) yield close(open);
}

async function* linesOf(bytes: Bytes): AsyncGenerator<Line> {
  for await (const lines of readLines(bytes, transferLimits.recordBytes)) yield* lines;
}

function toContent({ lines, headings }: OpenItem): Content {
  while (lines.length > 1 && lines.at(-1)?.trim() === '') lines.pop();
  const last = (lines.at(-1) ?? '').replace(/\r$/, '');
  if (lines.length > 1 && last.startsWith(markdownMark.before) && last.endsWith(markdownMark.after)) {
    const rest = parseMark(last.slice(markdownMark.before.length, -markdownMark.after.length));
    if (rest === null) return fault('', 'has a comment of this server that is no JSON');
    return toMemory({ ...rest, content: lines.slice(0, -1).join('\n') });
  }
  const content = lines
    .map((line) => line.trimEnd())
    .join('\n')
    .trim();
  // The title of the document says nothing of one item.
  const names = headings.map((text) =>
    text
      .toLowerCase()
      .replace(/[:*_`]/g, '')
      .trim(),
  );
  const type = names
    .map((name) => memoryTypes.find((known) => name === known || name === `${known}s`))
    .findLast((found) => found !== undefined);
  const tags = names
    .slice(1)
    .filter((name) => name !== '' && !memoryTypes.some((known) => name === known || name === `${known}s`));
  return toMemory({ content, ...(type !== undefined && { type }), tags: tags.map((tag) => shorten(tag, memoryLimits.tagChars)) });
}

function parseMark(json: string): Readonly<Record<string, unknown>> | null {
  try {
    const value: unknown = JSON.parse(json);
    return isObject(value) ? value : null;
  } catch {
    return null;
  }
}

function headingOf(line: string): { readonly level: number; readonly text: string } | null {
  const [, marks = '', rest = ''] = heading.exec(line) ?? [];
  const text = withoutClosing(rest);
  return text === '' ? null : { level: marks.length, text };
}

/** `## Name ##`. Character by character: an expression for it would try every way to share out the spaces of a long line. */
function withoutClosing(text: string): string {
  let end = text.trimEnd().length;
  while (text[end - 1] === '#') end--;
  return text.slice(0, end).trim();
}
