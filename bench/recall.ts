/**
 * `npm run bench:recall -- [--data file] [--engine pglite|postgresql]`: how much of what a question needs is among the first
 * answers. Conversations are kept once as they were said, turn by turn, and once as the facts that were noted of them; the share of
 * the turns that answer a question (of the facts: the turns that they were noted from) which is found counts. Beside it plain BM25
 * over the same texts.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { createPlainBm25 } from './bm25.ts';
import { createCleanup } from './cleanup.ts';
import type { Engine } from './place.ts';
import { call, createServerUnderTest, type OurServer } from './server-under-test.ts';
import { quantile } from './statistics.ts';
import { createStorage } from './storage.ts';

interface Conversation {
  readonly id: string;
  readonly turns: readonly { readonly id: string; readonly session: string; readonly speaker: string; readonly text: string }[];
  readonly facts: readonly { readonly text: string; readonly evidence: readonly string[] }[];
  readonly questions: readonly { readonly question: string; readonly evidence: readonly string[] }[];
}

/** A memory as it is kept, and the turns that it stands for. */
interface Item {
  readonly content: string;
  readonly source: { readonly conversationId: string; readonly timestamp: string };
  readonly turns: readonly string[];
}

const root = join(import.meta.dirname, '../..');
const { values } = parseArgs({
  options: {
    data: { type: 'string', default: join(root, '../shared/data/locomo-dev.json') },
    engine: { type: 'string', default: 'pglite' },
  },
});
const modes = ['keyword', 'semantic', 'hybrid'] as const;
const depth = 20;
const beginning = Date.UTC(2023, 0, 1);

const cleanup = createCleanup();
process.once('SIGINT', async () => {
  await cleanup.runAll();
  process.exit(130);
});

async function main(): Promise<void> {
  if (!existsSync(values.data)) {
    console.error(`${values.data} is not there: give a file with --data (bench/README.md has its form)`);
    process.exitCode = 1;
    return;
  }
  const { conversations } = JSON.parse(readFileSync(values.data, 'utf8')) as { conversations: readonly Conversation[] };
  console.log(
    [
      'what'.padEnd(8),
      'how'.padEnd(12),
      'questions'.padStart(10),
      ...['@5', '@10', '@20', 'MRR', 'p50 ms', 'p95 ms'].map((name) => name.padStart(9)),
    ].join(''),
  );
  try {
    const server = await startServer();
    for (const kind of ['turns', 'facts'] as const) await measure(server, conversations, kind);
  } finally {
    await cleanup.runAll();
  }
}

async function startServer(): Promise<OurServer> {
  const adminUrl = process.env['TEST_DATABASE_URL'] ?? process.env['DATABASE_URL'];
  const { place } = await createStorage(cleanup, { engine: values.engine as Engine, adminUrl, dataRoot: join(root, 'data') });
  return createServerUnderTest({ script: join(root, 'dist/src/server/main.js'), nodeArgs: [] }).start(cleanup, place);
}

async function measure(server: OurServer, conversations: readonly Conversation[], kind: 'turns' | 'facts'): Promise<void> {
  const tallies = new Map<string, Tally>([...modes, 'plain BM25'].map((name) => [name, createTally()]));
  for (const [index, conversation] of conversations.entries()) {
    const items = kind === 'turns' ? turnsOf(conversation) : factsOf(conversation);
    const user = await server.register(`recall-${kind}-${index}`);
    const turnsById = await store(`${server.url}/api/v1`, user.token, items);
    const bm25 = createPlainBm25(items.map(({ content }) => content));
    for (const { question, evidence } of conversation.questions) {
      for (const mode of modes) {
        const startedAt = performance.now();
        const { results } = await post<Found>(`${server.url}/api/v1/memories/search`, user.token, {
          query: question,
          mode,
          limit: depth,
        });
        const tookMs = performance.now() - startedAt;
        tallies.get(mode)?.add(
          results.map(({ memory }) => turnsById.get(memory.id) ?? []),
          evidence,
          tookMs,
        );
      }
      const startedAt = performance.now();
      const best = bm25(question, depth);
      tallies.get('plain BM25')?.add(
        best.map((at) => items[at]?.turns ?? []),
        evidence,
        performance.now() - startedAt,
      );
    }
  }
  for (const [name, tally] of tallies) console.log(`${kind.padEnd(8)}${name.padEnd(12)}${tally.line()}`);
}

/** Sessions on days of their own; what was said in one, a second apart. */
function sourceOf(conversation: Conversation, session: string, at: number): Item['source'] {
  const day = Number(session.replaceAll(/\D/g, '')) || 0;
  return {
    conversationId: `${conversation.id}/${session}`,
    timestamp: new Date(beginning + day * 86_400_000 + at * 1_000).toISOString(),
  };
}

function turnsOf(conversation: Conversation): readonly Item[] {
  return conversation.turns.map(({ id, session, speaker, text }, at) => ({
    content: `${speaker}: ${text}`.slice(0, 10_000),
    source: sourceOf(conversation, session, at),
    turns: [id],
  }));
}

/** A fact keeps where it was noted, as ingest does: the session of the turn that it is from. */
function factsOf(conversation: Conversation): readonly Item[] {
  const sessionByTurn = new Map(conversation.turns.map(({ id, session }) => [id, session]));
  return conversation.facts.map(({ text, evidence }, at) => ({
    content: text,
    source: sourceOf(conversation, sessionByTurn.get(evidence[0] ?? '') ?? 'session_0', at),
    turns: evidence,
  }));
}

interface Found {
  readonly results: readonly { readonly memory: { readonly id: string; readonly embedded: boolean } }[];
}

/** @returns the turns of each memory by its id, when every memory has its vector. */
async function store(api: string, token: string, items: readonly Item[]): Promise<ReadonlyMap<string, readonly string[]>> {
  const turnsById = new Map<string, readonly string[]>();
  for (const { content, source, turns } of items) {
    const body = { content, source, type: 'fact', scope: 'conversation' };
    turnsById.set((await post<{ id: string }>(`${api}/memories`, token, body)).id, turns);
  }
  for (let isBehind = true; isBehind; ) {
    isBehind = false;
    for (let cursor = ''; !isBehind; ) {
      const page = await get<{ memories: Found['results'][number]['memory'][]; nextCursor: string | null }>(
        `${api}/memories?limit=200${cursor}`,
        token,
      );
      isBehind = page.memories.some(({ embedded }) => !embedded);
      if (page.nextCursor === null) break;
      cursor = `&cursor=${encodeURIComponent(page.nextCursor)}`;
    }
    if (isBehind) await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return turnsById;
}

interface Tally {
  /** @param found the turns of each answer, best first. */
  add(found: readonly (readonly string[])[], evidence: readonly string[], tookMs: number): void;
  line(): string;
}

function createTally(): Tally {
  const sums = { 5: 0, 10: 0, 20: 0 };
  const times: number[] = [];
  let reciprocal = 0;
  return {
    add(found, evidence, tookMs) {
      times.push(tookMs);
      for (const at of [5, 10, 20] as const) {
        const turns = new Set(found.slice(0, at).flat());
        sums[at] += evidence.filter((turn) => turns.has(turn)).length / evidence.length;
      }
      const first = found.findIndex((turns) => turns.some((turn) => evidence.includes(turn)));
      if (first >= 0) reciprocal += 1 / (first + 1);
    },
    line() {
      const share = (sum: number): string => (sum / times.length).toFixed(4).padStart(9);
      const ms = (p: number): string => quantile(times, p).toFixed(1).padStart(9);
      return `${String(times.length).padStart(10)}${share(sums[5])}${share(sums[10])}${share(sums[20])}${share(reciprocal)}${ms(0.5)}${ms(0.95)}`;
    },
  };
}

const post = <T>(url: string, token: string, body: unknown): Promise<T> =>
  call(url, { method: 'POST', headers: { ...bearer(token), 'content-type': 'application/json' }, body: JSON.stringify(body) });

const get = <T>(url: string, token: string): Promise<T> => call(url, { headers: bearer(token) });

const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

await main();
