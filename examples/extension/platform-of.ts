/** Where a page belongs: the assistant behind its host, and the conversation that its address names. */
import type { Source } from '../../src/client/index.ts';

interface Platform {
  readonly name: string;
  readonly hosts: readonly string[];
  /** The first group is the id of the conversation. */
  readonly conversation: RegExp;
}

const platforms: readonly Platform[] = [
  { name: 'chatgpt', hosts: ['chatgpt.com', 'chat.openai.com'], conversation: /^\/(?:g\/[^/]+\/)?c\/([\w-]+)/ },
  { name: 'claude', hosts: ['claude.ai'], conversation: /^\/chat\/([\w-]+)/ },
  { name: 'gemini', hosts: ['gemini.google.com'], conversation: /^\/(?:u\/\d+\/)?app\/([\w-]+)/ },
];

/** Of any other web page the host, without `www.`; of anything else nothing. */
export function platformOf(address: string): Pick<Source, 'platform' | 'conversationId'> {
  if (!URL.canParse(address)) return {};
  const { protocol, hostname, pathname } = new URL(address);
  if (protocol !== 'https:' && protocol !== 'http:') return {};
  const known = platforms.find(({ hosts }) => hosts.includes(hostname));
  if (known === undefined) return { platform: hostname.replace(/^www\./, '') };
  const conversationId = known.conversation.exec(pathname)?.[1];
  return { platform: known.name, ...(conversationId !== undefined && { conversationId }) };
}
