/** A request as a conversation: its messages in order, each with an identity that stays when the conversation grows. */
import type { Source } from '../../core/memory.ts';
import { sha256 } from '../infra/bytes.ts';

export const messageRoles = ['user', 'assistant', 'system', 'developer', 'tool', 'function'] as const;
export type MessageRole = (typeof messageRoles)[number];

export interface GivenMessage {
  readonly role: MessageRole;
  readonly content: string;
  /** ISO 8601 with its offset. */
  readonly at?: string | undefined;
}

/** Where the conversation is from. */
export type ConversationContext = Omit<Source, 'timestamp'>;

/** A message that the gate let through. */
export interface Message {
  /** Its place among the given ones, from 0. */
  readonly index: number;
  readonly role: 'user' | 'assistant';
  readonly content: string;
  /** ISO 8601 with its offset; null when nobody knows. */
  readonly at: string | null;
  /** Its identity in the conversation: of role, content, and how many equal ones came before. 16 bytes. */
  readonly hash: Buffer;
}

/** `User: …`, `**Assistant:** …`, `Human: …`, `ChatGPT said:` at the beginning of a line. */
const turnHead =
  /^[ \t]*(?:[*_#>]{1,4}[ \t]*)?(user|you|human|me|ich|du|nutzer|benutzer|assistant|ai|bot|model|chatgpt|claude|gemini|copilot|assistent|system|developer|tool|function)(?: said)?[*_]{0,2}[ \t]*:[*_]{0,2}[ \t]*/i;

const roleByName: ReadonlyMap<string, MessageRole> = new Map([
  ...['user', 'you', 'human', 'me', 'ich', 'du', 'nutzer', 'benutzer'].map((name) => [name, 'user'] as const),
  ...['assistant', 'ai', 'bot', 'model', 'chatgpt', 'claude', 'gemini', 'copilot', 'assistent'].map(
    (name) => [name, 'assistant'] as const,
  ),
  ...(['system', 'developer', 'tool', 'function'] as const).map((name) => [name, name] as const),
]);

/** The turns of a conversation that is one text; a text without turns is one message of the user. */
export function splitIntoTurns(text: string): readonly GivenMessage[] {
  const turns: { role: MessageRole; lines: string[] }[] = [];
  for (const line of text.split(/\r?\n/)) {
    const head = turnHead.exec(line);
    const role = head === null ? undefined : roleByName.get(head[1]?.toLowerCase() ?? '');
    if (head !== null && role !== undefined) turns.push({ role, lines: [line.slice(head[0].length)] });
    else if (turns.length > 0) turns.at(-1)?.lines.push(line);
    else turns.push({ role: 'user', lines: [line] });
  }
  return turns.map(({ role, lines }) => ({ role, content: lines.join('\n').trim() })).filter(({ content }) => content !== '');
}

/** Messages with their identities. Equal ones are told apart by their order. */
export function identify(messages: readonly Omit<Message, 'hash'>[]): readonly Message[] {
  const seen = new Map<string, number>();
  return messages.map((message) => {
    const key = JSON.stringify([message.role, message.content]);
    const occurrence = seen.get(key) ?? 0;
    seen.set(key, occurrence + 1);
    return { ...message, hash: shortHash(`${key}${occurrence}`) };
  });
}

/**
 * The conversation's identity: of the given id, else of its address, else of its first message, which stays the same while it
 * grows. Only the hash is kept. 16 bytes.
 */
export function conversationKey({ conversationId, platform, url }: ConversationContext, messages: readonly Message[]): Buffer {
  if (conversationId !== undefined) return shortHash(JSON.stringify(['id', platform ?? '', conversationId]));
  if (url !== undefined) return shortHash(JSON.stringify(['url', withoutFragment(url)]));
  return shortHash(JSON.stringify(['first', messages[0]?.hash.toString('hex') ?? '']));
}

const withoutFragment = (url: string): string => url.replace(/#.*$/s, '');

const shortHash = (text: string): Buffer => sha256(Buffer.from(text)).subarray(0, 16);
