/**
 * What of a conversation must not become memories, taken out and counted: what this server itself put in, what programs said to
 * the model, and secrets. Nobody behind the gate, a vendor least of all, sees any of it.
 */
import { type ConversationContext, type GivenMessage, identify, type Message } from './conversation.ts';
import { redactSecrets } from './secrets.ts';

export const gateReasons = ['system_message', 'tool_message', 'injected_context', 'secret'] as const;
export type GateReason = (typeof gateReasons)[number];

export interface Gated {
  readonly messages: readonly Message[];
  readonly context: ConversationContext;
  /** How many were taken out; a reason without any is not there. */
  readonly counts: Readonly<Partial<Record<GateReason, number>>>;
}

/**
 * Memories that are put into a prompt stand between `<aibrain-memories>` and `</aibrain-memories>`, whoever puts them there: what came
 * from here is not learned again. A mark that is not closed reaches to the end of its message.
 */
const injected = /<aibrain-memories\b[^>]{0,200}>[\s\S]*?(?:<\/aibrain-memories>|$)/gi;

export function passGate(given: readonly GivenMessage[], context: ConversationContext): Gated {
  const counts: Partial<Record<GateReason, number>> = {};
  const count = (reason: GateReason, by = 1): void => {
    if (by > 0) counts[reason] = (counts[reason] ?? 0) + by;
  };
  const clean = (text: string): string => {
    const redacted = redactSecrets(text);
    count('secret', redacted.count);
    return redacted.text;
  };
  const messages: Omit<Message, 'hash'>[] = [];
  for (const [index, { role, content, at = null }] of given.entries()) {
    if (role === 'system' || role === 'developer') count('system_message');
    else if (role === 'tool' || role === 'function') count('tool_message');
    else {
      const own = content.replace(injected, () => {
        count('injected_context');
        return '';
      });
      const kept = clean(own).trim();
      if (kept !== '') messages.push({ index, role, content: kept, at });
    }
  }
  return { messages: identify(messages), context: cleanContext(context, clean), counts };
}

function cleanContext(context: ConversationContext, clean: (text: string) => string): ConversationContext {
  const { url, title } = context;
  return {
    ...context,
    ...(url !== undefined && { url: clean(url).replaceAll(' ', '%20') }),
    ...(title !== undefined && { title: clean(title) }),
  };
}
