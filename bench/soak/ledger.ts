/** What the load wrote for one user, in this process alone: what the servers keep is compared with it. */
import type { DeviceId, MemoryId } from '../../src/core/ids.ts';
import type { Write } from './audit.ts';

export interface Ledger {
  readonly writes: readonly Write[];
  readonly deleted: readonly MemoryId[];
  /** A content that no other write has. */
  newContent(text: string): string;
  note(write: Omit<Write, 'device' | 'seq'> & { readonly device?: DeviceId; readonly seq?: number }): void;
  noteDeleted(id: MemoryId): void;
}

export function createLedger(): Ledger {
  const writes: Write[] = [];
  const deleted: MemoryId[] = [];
  let contents = 0;
  return {
    writes,
    deleted,
    newContent: (text) => `${text} #${++contents}`,
    note: ({ device = null, seq = null, ...write }) => void writes.push({ ...write, device, seq }),
    noteDeleted: (id) => void deleted.push(id),
  };
}
