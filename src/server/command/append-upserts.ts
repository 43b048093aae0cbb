/**
 * Memories and conflicts as they stand after an append, from arrays that begin at the parameter `from`. Of many users the first
 * array says which; of one, that parameter is the user.
 */
type Whose = 'many' | 'one';

export const updateMemory = `on conflict (user_id, id) do update set seq = excluded.seq, deleted = excluded.deleted, erased = excluded.erased,
    open_conflicts = excluded.open_conflicts, confidence = excluded.confidence, created_ms = excluded.created_ms,
    updated_ms = excluded.updated_ms, type = excluded.type, scope = excluded.scope, content = excluded.content,
    tags = excluded.tags, source = excluded.source, stamps = excluded.stamps`;

export const upsertMemories = (from: number, where: string, whose: Whose = 'many'): string => `
  insert into memories (user_id, id, seq, deleted, erased, open_conflicts, confidence, created_ms, updated_ms, type, scope,
      content, tags, source, stamps)
  select ${userOf('m', from, whose)}, id, seq, deleted, erased, open_conflicts, confidence, created_ms, updated_ms, type, scope, content,
      tags::text[], source::jsonb, stamps
    from ${taken(from, whose, ['uuid', 'bigint', 'bool', 'bool', 'int', 'float8', 'bigint', 'bigint', 'text', 'text', 'text', 'text', 'text', 'bytea'])}
    as m(${whose === 'many' ? 'user_id, ' : ''}id, seq, deleted, erased, open_conflicts, confidence, created_ms, updated_ms, type, scope,
      content, tags, source, stamps) ${where}
  ${updateMemory}`;

export const upsertConflicts = (from: number, where: string, whose: Whose = 'many'): string => `
  insert into conflicts (user_id, id, memory_id, register, winner_seq, loser_seq, winner_device, loser_device, winner_value,
      loser_value, at_ms, resolution, resolved_seq)
  select ${userOf('c', from, whose)}, id, memory_id, register, winner_seq, loser_seq, winner_device, loser_device, winner_value::jsonb,
      loser_value::jsonb, at_ms, resolution, resolved_seq
    from ${taken(from, whose, ['uuid', 'uuid', 'text', 'bigint', 'bigint', 'int', 'int', 'text', 'text', 'bigint', 'text', 'bigint'])}
    as c(${whose === 'many' ? 'user_id, ' : ''}id, memory_id, register, winner_seq, loser_seq, winner_device, loser_device, winner_value,
      loser_value, at_ms, resolution, resolved_seq) ${where}
  on conflict (user_id, id) do update set winner_seq = excluded.winner_seq, winner_device = excluded.winner_device,
    winner_value = excluded.winner_value, resolution = excluded.resolution, resolved_seq = excluded.resolved_seq`;

const userOf = (alias: string, from: number, whose: Whose): string => (whose === 'many' ? `${alias}.user_id` : `$${from}::uuid`);

function taken(from: number, whose: Whose, types: readonly string[]): string {
  const users = whose === 'many' ? [`$${from}::uuid[]`] : [];
  return `unnest(${[...users, ...types.map((type, index) => `$${from + 1 + index}::${type}[]`)].join(', ')})`;
}
