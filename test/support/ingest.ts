/** POST /memories/ingest as a caller sees it. */
import type { MemoryJson } from '../../src/server/edge/memory-json.ts';
import type { Api } from './api.ts';

export type IngestedMemory = MemoryJson & { readonly messages: readonly number[] };

export interface Ingested {
  readonly created: readonly IngestedMemory[];
  readonly updated: readonly (IngestedMemory & {
    readonly action: 'update' | 'supersede';
    readonly previous: { readonly content: string; readonly seq: number };
  })[];
  readonly skipped: readonly { readonly content: string; readonly reason: string; readonly memoryId?: string }[];
  readonly gated: Readonly<Record<string, number>>;
  readonly extractor: string;
  readonly model: string | null;
  readonly usage: { readonly calls: number; readonly inputTokens: number; readonly outputTokens: number };
  readonly dryRun: boolean;
}

export async function ingest(api: Api, body: unknown): Promise<Ingested> {
  const answer = await api.call<Ingested>('POST', '/memories/ingest', body);
  if (answer.status !== 201) throw new Error(`ingest: ${answer.status} ${JSON.stringify(answer.body)}`);
  return answer.body;
}
