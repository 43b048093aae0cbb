/** Every way in which a caller of REST changes a memory. Each ends in the one append (LOG-7) and is one event or none. */
import type { Operation } from 'fast-json-patch';
import type { ErrorCode, FieldError } from '../../core/errors.ts';
import type { ConflictId, MemoryId, UserId } from '../../core/ids.ts';
import type { Memory, MemoryFields } from '../../core/memory.ts';
import { fieldsOf } from '../../core/merge.ts';
import { err, ok, type Result } from '../../core/result.ts';
import type { Database, Queryable } from '../infra/database.ts';
import { readStateAt } from '../project/memory-at.ts';
import { stateToMemory } from '../project/memory-rows.ts';
import type { Replica, WriteRequest } from './append-request.ts';
import { readConflictKey } from './conflict-key.ts';
import { eraseEvents, readFormerSince } from './erase-events.ts';
import type { GroupCommit } from './group-commit.ts';
import {
  decideCreate,
  decideDelete,
  decideErase,
  decidePatch,
  decideResolve,
  decideRestore,
  decideUpdate,
  type Precondition,
  type RefusalCode,
} from './memory-decisions.ts';

export interface MemoryCommandDeps {
  readonly db: Database;
  readonly append: Pick<GroupCommit, 'submit'>;
  readonly newId: () => MemoryId;
}

/** Who asks for a write. */
export interface Writer {
  readonly userId: UserId;
  readonly device: Replica;
}

export interface Refusal {
  readonly code: ErrorCode;
  readonly detail?: string;
  /** What is wrong, where it is one field. */
  readonly field?: FieldError;
}

export interface Written {
  readonly memory: Memory;
  /** False when the memory was already as asked: then there is no event. */
  readonly changed: boolean;
}

export interface ConflictChoice {
  readonly id: ConflictId;
  readonly keep: 'winner' | 'loser';
  readonly winnerSeq?: number | undefined;
}

export type Outcome = Promise<Result<Written, Refusal>>;

export interface MemoryCommands {
  create(writer: Writer, id: MemoryId | undefined, fields: MemoryFields): Outcome;
  update(writer: Writer, id: MemoryId, fields: Partial<MemoryFields>, precondition: Precondition): Outcome;
  /** @param patch RFC 6902, on `toDocument`'s document, its places checked by the caller. */
  patch(writer: Writer, id: MemoryId, patch: readonly Operation[], precondition: Precondition): Outcome;
  delete(writer: Writer, id: MemoryId, precondition: Precondition): Outcome;
  /** For good: content and history. */
  erase(writer: Writer, id: MemoryId, precondition: Precondition): Outcome;
  /** Makes the memory what it was at `seq`, and live. */
  restore(writer: Writer, id: MemoryId, seq: number): Outcome;
  /** Writes the chosen value of the conflict's register. */
  resolve(writer: Writer, choice: ConflictChoice): Outcome;
}

export function createMemoryCommands({ db, append, newId }: MemoryCommandDeps): MemoryCommands {
  const write = async (writer: Writer, memoryId: MemoryId, request: Pick<WriteRequest, 'decide' | 'expectNew' | 'alsoWrite'>) => {
    const { userId, device } = writer;
    return toOutcome(await append.submit({ kind: 'write', userId, actor: device, memoryId, ...request }));
  };
  return {
    create(writer, given, fields) {
      const id = given ?? newId();
      return write(writer, id, { decide: decideCreate(id, fields), expectNew: true });
    },
    update: (writer, id, fields, precondition) => write(writer, id, { decide: decideUpdate(fields, precondition) }),
    patch: (writer, id, patch, precondition) => write(writer, id, { decide: decidePatch(patch, precondition) }),
    delete: (writer, id, precondition) => write(writer, id, { decide: decideDelete(precondition) }),
    async erase(writer, id, precondition) {
      const alsoWrite = (tx: Queryable): Promise<void> => eraseEvents(tx, writer.userId, id);
      const erased = await write(writer, id, { decide: decideErase(precondition), alsoWrite });
      if (erased.ok || erased.error.code !== 'unknown_memory') return erased;
      // Its row was collected; its content is still in the log (SYN-12).
      const formerSince = await readFormerSince(db, writer.userId, id);
      return formerSince === null ? erased : write(writer, id, { decide: decideErase(precondition, formerSince), alsoWrite });
    },
    async restore(writer, id, seq) {
      const past = await readStateAt(db, writer.userId, id, { seq });
      return past.ok ? write(writer, id, { decide: decideRestore(fieldsOf(past.value)) }) : err({ code: past.error });
    },
    async resolve(writer, { id, keep, winnerSeq }) {
      const key = await readConflictKey(db, writer.userId, id);
      if (key === null) return err({ code: 'unknown_conflict' });
      return write(writer, key.memoryId, { decide: decideResolve({ ...key, keep, winnerSeq }) });
    },
  };
}

function toOutcome(result: Awaited<ReturnType<GroupCommit['submit']>>): Awaited<Outcome> {
  if (result.kind === 'unknown_user') return err({ code: 'unauthorized' });
  if (result.kind !== 'written' && result.kind !== 'refused') throw new Error(`a write was answered with ${result.kind}`);
  const { state, refusal } = result;
  if (refusal === undefined || refusal.code === 'unchanged') {
    if (state === null) throw new Error('a write left no memory');
    return ok({ memory: stateToMemory(state), changed: refusal === undefined });
  }
  return err(refusal as { readonly code: Exclude<RefusalCode, 'unchanged'> });
}
