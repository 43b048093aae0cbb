/** A Claude data export: conversations, and what Claude itself remembers. */
import { memoryLimits } from '../../core/memory.ts';
import { type Content, type FileMessage, fault } from './item.ts';
import { checkedMemory, toTags } from './memory-record.ts';
import { derivedId, type Fields, isObject, shorten, toMs, toText } from './values.ts';

export const isClaude = (value: Fields): boolean => Array.isArray(value['chat_messages']);

export const isClaudeMemories = (value: Fields): boolean =>
  typeof value['conversations_memory'] === 'string' || isObject(value['project_memories']);

export function claudeToConversation(value: Fields): Content {
  const id = toText(value['uuid']);
  if (id === null) return fault('uuid', 'must be text');
  const given: readonly unknown[] = Array.isArray(value['chat_messages']) ? value['chat_messages'] : [];
  const messages = given.flatMap((message, index) => toMessage(message, index) ?? []);
  return { conversation: { id, platform: 'claude', title: toText(value['name']), messages } };
}

function toMessage(value: unknown, index: number): FileMessage | null {
  if (!isObject(value)) return null;
  const role = value['sender'] === 'human' ? 'user' : value['sender'];
  if (role !== 'user' && role !== 'assistant') return null;
  const text = toContent(value);
  return text === null ? null : { id: toText(value['uuid']) ?? String(index), role, text, at: toMs(value['created_at']) };
}

/** Blocks of text where there are blocks: `text` also holds what stands for tools and thoughts. */
function toContent(message: Fields): string | null {
  const blocks: readonly unknown[] = Array.isArray(message['content']) ? message['content'] : [];
  const texts = blocks.flatMap((block) => (isObject(block) && block['type'] === 'text' ? (toText(block['text']) ?? []) : []));
  return texts.length > 0 ? texts.join('\n') : toText(message['text']);
}

/** Its memory is Markdown under bold headings; each paragraph or bullet is one thing that it knows. */
export function claudeMemories(value: Fields): readonly Content[] {
  const projects = isObject(value['project_memories']) ? Object.entries(value['project_memories']) : [];
  return [
    ...toMemories(toText(value['conversations_memory']), null),
    ...projects.flatMap(([project, text]) => toMemories(toText(text), project)),
  ];
}

function toMemories(text: string | null, project: string | null): readonly Content[] {
  const contents: Content[] = [];
  let heading: string | null = null;
  for (const part of (text ?? '').split(/\n\s*\n|\n(?=\s*[-*•] )/)) {
    const said = part.trim().replace(/^[-*•] +/, '');
    const title = /^(?:#{1,6} +(.+)|\*\*([^*]+)\*\*:?)$/.exec(said);
    if (title !== null) heading = (title[1] ?? title[2] ?? '').trim();
    else if (said !== '') contents.push(toMemory(said, heading, project));
  }
  return contents;
}

function toMemory(content: string, heading: string | null, project: string | null): Content {
  const fields = {
    content,
    type: project === null ? ('fact' as const) : ('project' as const),
    scope: 'user_global' as const,
    confidence: null,
    source: { platform: 'claude', ...(project !== null && { conversationId: shorten(project, memoryLimits.sourceTextChars) }) },
    tags: toTags(heading === null ? [] : [shorten(heading.toLowerCase(), memoryLimits.tagChars)]),
  };
  return checkedMemory(fields, { id: derivedId('claude-memory', project, content) });
}
