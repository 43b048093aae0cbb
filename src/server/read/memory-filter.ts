/** Which memories a search looks among, as a condition on the table `memories m`. */
import type { MemoryScope, MemoryType } from '../../core/memory.ts';

/** Times are Unix ms; `from` and `to` bound the time of creation. */
export interface MemoryFilter {
  readonly type?: readonly MemoryType[] | undefined;
  readonly scope?: readonly MemoryScope[] | undefined;
  /** All of them. */
  readonly tags?: readonly string[] | undefined;
  readonly platform?: string | undefined;
  readonly conversationId?: string | undefined;
  readonly from?: number | undefined;
  readonly to?: number | undefined;
  readonly minConfidence?: number | undefined;
}

export interface FilterSql {
  /** `true` where nothing is asked for. */
  readonly sql: string;
  readonly params: readonly unknown[];
  readonly isEmpty: boolean;
}

/** @param first the number of its first parameter. */
export function filterSql(filter: MemoryFilter, first: number): FilterSql {
  const conditions: string[] = [];
  const params: unknown[] = [];
  const add = (value: unknown, condition: (parameter: string) => string): void => {
    if (value === undefined) return;
    conditions.push(condition(`$${first + params.length}`));
    params.push(value);
  };
  add(filter.type, (p) => `m.type = any(${p}::text[])`);
  add(filter.scope, (p) => `m.scope = any(${p}::text[])`);
  add(filter.tags, (p) => `m.tags @> ${p}::text[]`);
  add(filter.platform, (p) => `m.source ->> 'platform' = ${p}::text`);
  add(filter.conversationId, (p) => `m.source ->> 'conversationId' = ${p}::text`);
  add(filter.from, (p) => `m.created_ms >= ${p}::bigint`);
  add(filter.to, (p) => `m.created_ms <= ${p}::bigint`);
  add(filter.minConfidence, (p) => `m.confidence >= ${p}::float8`);
  return { sql: conditions.length === 0 ? 'true' : conditions.join(' and '), params, isEmpty: conditions.length === 0 };
}
