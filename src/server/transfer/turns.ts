/** Conversations kept to be searched: each turn is a memory. */
import { memoryLimits } from '../../core/memory.ts';
import type { Content, FileConversation } from './item.ts';
import { checkedMemory } from './memory-record.ts';
import { derivedId, shorten } from './values.ts';

/** Long turns in pieces. Ids follow from the export, so that the same file again, or one with more turns, adds only what is new. */
export function conversationToTurns({ id, platform, title, messages }: FileConversation): readonly Content[] {
  return messages.flatMap((message) =>
    toPieces(storable(message.text)).map((content, piece): Content => {
      const fields = {
        content,
        type: 'meta' as const,
        scope: 'conversation' as const,
        confidence: null,
        source: {
          platform,
          conversationId: shorten(id, memoryLimits.sourceTextChars),
          ...(title !== null && { title: shorten(storable(title), memoryLimits.sourceTextChars) }),
          ...(message.at !== null && { timestamp: new Date(message.at).toISOString() }),
        },
        tags: [message.role],
      };
      const checked = checkedMemory(fields, { id: derivedId(platform, id, message.id, piece), createdAt: message.at });
      if (!('fault' in checked)) return checked;
      return { fault: { ...checked.fault, path: `messages.${message.id}.${checked.fault.path}` } };
    }),
  );
}

/** At the end of a paragraph, a line or a word where there is one in the last third. */
function toPieces(text: string): readonly string[] {
  const pieces: string[] = [];
  let rest = text.trim();
  while (rest.length > memoryLimits.contentChars) {
    const window = rest.slice(0, memoryLimits.contentChars);
    const cut = ['\n\n', '\n', ' '].map((end) => window.lastIndexOf(end)).find((at) => at > (2 / 3) * memoryLimits.contentChars);
    // Never between the two halves of a pair.
    const at = cut ?? (/[\uD800-\uDBFF]$/.test(window) ? window.length - 1 : window.length);
    pieces.push(rest.slice(0, at).trim());
    rest = rest.slice(at).trim();
  }
  return rest === '' ? pieces : [...pieces, rest];
}

/** The same for the reading of conversations into memories. */
export function toIngestRequest({ id, platform, title, messages }: FileConversation) {
  return {
    messages: messages.map(({ role, text, at }) => ({
      role,
      content: storable(text),
      ...(at !== null && { at: new Date(at).toISOString() }),
    })),
    context: {
      platform,
      conversationId: shorten(id, memoryLimits.sourceTextChars),
      ...(title !== null && { title: shorten(storable(title), memoryLimits.sourceTextChars) }),
    },
  };
}

const storable = (text: string): string => text.replaceAll('\0', '').toWellFormed();
