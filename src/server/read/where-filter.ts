/** A filter of memories as a condition, for every statement that reads them. */
import { type RawBuilder, sql } from 'kysely';
import type { MemoryFilter } from './list-memories.ts';

/** On `memories as m`. */
export function whereFilter(filter: MemoryFilter): RawBuilder<boolean> {
  const { type, scope, tags, platform, conversationId, from, to, updatedFrom, minConfidence, deleted = false } = filter;
  const conditions = [
    deleted ? sql<boolean>`m.deleted` : sql<boolean>`not m.deleted`,
    sql<boolean>`not m.erased`,
    type && sql<boolean>`m.type = any(${type}::text[])`,
    scope && sql<boolean>`m.scope = any(${scope}::text[])`,
    tags && sql<boolean>`m.tags @> ${tags}::text[]`,
    platform !== undefined && sql<boolean>`m.source ->> 'platform' = ${platform}::text`,
    conversationId !== undefined && sql<boolean>`m.source ->> 'conversationId' = ${conversationId}::text`,
    from !== undefined && sql<boolean>`m.created_ms >= ${from}::bigint`,
    to !== undefined && sql<boolean>`m.created_ms <= ${to}::bigint`,
    updatedFrom !== undefined && sql<boolean>`m.updated_ms >= ${updatedFrom}::bigint`,
    minConfidence !== undefined && sql<boolean>`m.confidence >= ${minConfidence}::float8`,
  ];
  return sql<boolean>`(${sql.join(
    conditions.filter((condition) => typeof condition === 'object'),
    sql` and `,
  )})`;
}

/** Whether it asks for anything beyond live memories. */
export const isFiltering = (filter: MemoryFilter): boolean =>
  Object.values(filter).some((value) => value !== undefined && value !== false);
