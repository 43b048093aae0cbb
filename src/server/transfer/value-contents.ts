/** What a JSON value of a file holds, by the format that was named or by its shape. */
import { chatGptToConversation, isChatGpt } from './chatgpt.ts';
import { claudeMemories, claudeToConversation, isClaude, isClaudeMemories } from './claude.ts';
import { type Content, fault } from './item.ts';
import { isMcp, mcpToMemories } from './mcp-memory.ts';
import { isMem0, mem0ToMemory } from './mem0.ts';
import { toMemory } from './memory-record.ts';
import { type Fields, isObject } from './values.ts';

export const jsonFormats = ['json', 'ndjson', 'extension', 'chatgpt', 'claude', 'mem0', 'mcp'] as const;
export type JsonFormat = (typeof jsonFormats)[number];

export function valueToContents(value: unknown, format: JsonFormat): readonly Content[] {
  if (!isObject(value)) return [fault('', 'must be an object')];
  switch (format) {
    case 'extension':
      return [toMemory(value)];
    case 'chatgpt':
      return [chatGptToConversation(value)];
    case 'claude':
      return isClaudeMemories(value) ? claudeMemories(value) : [claudeToConversation(value)];
    case 'mem0':
      return typeof value['memory'] === 'string' ? [mem0ToMemory(value)] : [fault('memory', 'must be text')];
    case 'mcp':
      return isMcp(value) ? mcpToMemories(value) : [fault('type', 'must be entity or relation')];
    default:
      return byShape(value);
  }
}

function byShape(value: Fields): readonly Content[] {
  if (isChatGpt(value)) return [chatGptToConversation(value)];
  if (isClaude(value)) return [claudeToConversation(value)];
  if (isClaudeMemories(value)) return claudeMemories(value);
  if (isMem0(value)) return [mem0ToMemory(value)];
  return isMcp(value) ? mcpToMemories(value) : [toMemory(value)];
}
