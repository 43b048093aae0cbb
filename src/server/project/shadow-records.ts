/** Rebuilt rows as the JSON records that the shadow tables are filled from. */
import { fieldsOf, type MemoryState } from '../../core/merge.ts';
import { type DeviceNames, stampsToBytes } from './memory-rows.ts';
import type { ReplayedConflict } from './replay.ts';

export function toMemoryRecord(state: MemoryState, names: DeviceNames): unknown {
  const { id, seq, erased, createdAt, updatedAt, conflicts, cells } = state;
  const stamps = Buffer.from(stampsToBytes(cells, names)).toString('hex');
  const times = { created_ms: createdAt, updated_ms: updatedAt };
  return { ...fieldsOf(state), ...times, id, seq, erased, open_conflicts: conflicts.length, stamps };
}

export function toConflictRecord(conflict: ReplayedConflict, names: DeviceNames): unknown {
  return {
    id: conflict.id,
    memory_id: conflict.memoryId,
    register: conflict.register,
    winner_seq: conflict.winnerSeq,
    loser_seq: conflict.loserSeq,
    winner_device: names.ordinalOf(conflict.winnerDevice),
    loser_device: names.ordinalOf(conflict.loserDevice),
    // As text: a JSON null is a value here, and a record set would make SQL's null of it.
    winner_value: JSON.stringify(conflict.winnerValue),
    loser_value: JSON.stringify(conflict.loserValue),
    at_ms: conflict.at,
    resolution: conflict.resolution,
    resolved_seq: conflict.resolvedSeq,
  };
}
