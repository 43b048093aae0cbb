/** What a record of a file means for a memory as it stands. Run under the head's lock, like the other decisions. */
import type { MemoryId } from '../../core/ids.ts';
import type { MemoryFields } from '../../core/memory.ts';
import { fieldsOf, type MemoryState } from '../../core/merge.ts';
import type { Decision } from './append-request.ts';
import { acceptable, differences, isDeleted } from './memory-decisions.ts';

/** Why nothing was written although nothing is wrong. */
export const importRefusals = ['unchanged', 'older', 'deleted'] as const;

export interface ImportedMemory {
  readonly id: MemoryId;
  /** Checked by the caller. */
  readonly fields: MemoryFields;
  /** Unix ms. */
  readonly createdAt: number;
  /** Unix ms; null when the file does not say, and then it changes no memory that is there. */
  readonly updatedAt: number | null;
}

/**
 * The later of the two stands. The write carries the record's own time, so that a device that changed the memory since, and
 * is offline, wins against the file.
 */
export function decideImport({ id, fields, createdAt, updatedAt }: ImportedMemory): (state: MemoryState | null) => Decision {
  const hlc = { ms: updatedAt ?? createdAt, count: 0 };
  return (state) => {
    if (state === null) return { write: { writes: differences(null, fields), createdAt }, hlc };
    if (state.erased) return { refuse: 'erased_memory' };
    const writes = differences(fieldsOf(state), fields);
    const isGone = isDeleted(state);
    if (!isGone && writes.length === 0) return { refuse: 'unchanged' };
    if (updatedAt === null || updatedAt <= state.updatedAt) return { refuse: isGone ? 'deleted' : 'older' };
    const revived = isGone ? [{ register: 'deleted', value: false } as const] : [];
    const decision = acceptable(state, id, { writes: [...writes, ...revived] });
    return 'write' in decision ? { ...decision, hlc } : decision;
  };
}
