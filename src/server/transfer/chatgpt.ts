/** A conversation of a ChatGPT data export: a tree of messages, of which one branch is what was read last. */
import { type Content, type FileConversation, type FileMessage, fault } from './item.ts';
import { type Fields, isObject, toMsOfSeconds, toText } from './values.ts';

export const isChatGpt = (value: Fields): boolean => isObject(value['mapping']);

/** From `current_node` by parents to the root; what the person never saw is left out: hidden, tools, system, weight zero. */
export function chatGptToConversation(value: Fields): Content {
  const mapping = value['mapping'];
  if (!isObject(mapping)) return fault('mapping', 'must be an object');
  const id = toText(value['conversation_id']) ?? toText(value['id']);
  if (id === null) return fault('id', 'must be text');
  const messages: FileMessage[] = [];
  const seen = new Set<string>();
  let nodeId = toText(value['current_node']) ?? lastNode(mapping);
  while (nodeId !== null && !seen.has(nodeId)) {
    seen.add(nodeId);
    const node: unknown = Object.hasOwn(mapping, nodeId) ? mapping[nodeId] : undefined;
    if (!isObject(node)) break;
    const message = toMessage(nodeId, node['message']);
    if (message !== null) messages.push(message);
    nodeId = toText(node['parent']);
  }
  const conversation: FileConversation = {
    id,
    platform: 'chatgpt',
    title: toText(value['title']),
    messages: messages.reverse(),
  };
  return { conversation };
}

/** Of a file without `current_node`: the newest message that nobody answered. */
function lastNode(mapping: Fields): string | null {
  let newest: { readonly id: string; readonly at: number } | null = null;
  for (const [id, node] of Object.entries(mapping)) {
    if (!isObject(node) || (Array.isArray(node['children']) && node['children'].length > 0)) continue;
    const at = isObject(node['message']) ? (toMsOfSeconds(node['message']['create_time']) ?? 0) : 0;
    if (newest === null || at >= newest.at) newest = { id, at };
  }
  return newest?.id ?? null;
}

function toMessage(nodeId: string, value: unknown): FileMessage | null {
  if (!isObject(value) || !isObject(value['author']) || !isObject(value['content'])) return null;
  const role = value['author']['role'];
  if (role !== 'user' && role !== 'assistant') return null;
  if (value['weight'] === 0) return null;
  if (isObject(value['metadata']) && value['metadata']['is_visually_hidden_from_conversation'] === true) return null;
  // What the assistant says to a tool is no part of the talk.
  if (role === 'assistant' && (toText(value['recipient']) ?? 'all') !== 'all') return null;
  const text = toContent(value['content']);
  return text === null ? null : { id: toText(value['id']) ?? nodeId, role, text, at: toMsOfSeconds(value['create_time']) };
}

/** Of parts that are images, sound or files only the words. */
function toContent(content: Fields): string | null {
  const kind = content['content_type'];
  if (kind !== undefined && kind !== 'text' && kind !== 'multimodal_text') return null;
  const parts: readonly unknown[] = Array.isArray(content['parts']) ? content['parts'] : [];
  const texts = parts.map((part) => (isObject(part) ? part['text'] : part)).filter((part) => typeof part === 'string');
  return toText(texts.filter((text) => text !== '').join('\n'));
}
