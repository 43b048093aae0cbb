/**
 * What a caller's write means for a memory as it stands: the registers to write, or why not. Pure, and run under the head's
 * lock, so a decision never rests on an old read.
 */
import type { Operation } from 'fast-json-patch';
import type { Change } from '../../core/change.ts';
import { zeroHlc } from '../../core/clock.ts';
import type { ErrorCode, FieldError } from '../../core/errors.ts';
import { type MemoryId, serverDeviceId } from '../../core/ids.ts';
import type { MemoryFields } from '../../core/memory.ts';
import { fieldsOf, type MemoryState, merge, type RejectionCode } from '../../core/merge.ts';
import { applyToDocument, toDocument } from '../../core/patch.ts';
import {
  checkWrite,
  emptyValue,
  type RegisterName,
  type RegisterValue,
  tagRegister,
  valuesEqual,
  type Write,
} from '../../core/register.ts';
import type { Decision } from './append-request.ts';

/** `unchanged`: the memory is already as it was asked to be. */
export type RefusalCode = ErrorCode | 'unchanged';

type Decide = (state: MemoryState | null) => Decision;

/** The seqs that If-Match allows, or any. */
export type Precondition = readonly number[] | 'any';

/** MRG-5's first op. The same fields again are no second memory: a retry after a lost answer is safe. */
export function decideCreate(id: MemoryId, fields: MemoryFields): Decide {
  return (state) => {
    if (state === null) return acceptable(null, id, { writes: differences(null, fields) });
    if (state.erased) return refuse('erased_memory');
    const same = !isDeleted(state) && differences(fieldsOf(state), fields).length === 0;
    return refuse(same ? 'unchanged' : 'memory_exists');
  };
}

export function decideUpdate(fields: Partial<MemoryFields>, precondition: Precondition): Decide {
  return onLive(precondition, (state) => acceptable(state, state.id, { writes: differences(fieldsOf(state), fields) }));
}

export function decidePatch(patch: readonly Operation[], precondition: Precondition): Decide {
  return onLive(precondition, (state) => {
    const change = applyToDocument(toDocument(fieldsOf(state)), patch);
    if (!change.ok) return refuse('patch_failed', `operation ${change.error.path} ${change.error.message}`.trim());
    return acceptable(state, state.id, change.value);
  });
}

export function decideDelete(precondition: Precondition): Decide {
  return (state) => {
    if (state === null) return refuse('unknown_memory');
    if (isDeleted(state)) return refuse('unchanged');
    return matches(state, precondition)
      ? { write: { writes: [{ register: 'deleted', value: true }] } }
      : refuse('changed_meanwhile');
  };
}

/**
 * The payload keeps the time of creation, which a rebuild finds nowhere else once the other events are blank.
 * @param formerSince of a memory that was collected: when the log first heard of it, Unix ms.
 */
export function decideErase(precondition: Precondition, formerSince: number | null = null): Decide {
  return (state) => {
    if (state === null) {
      if (formerSince === null) return refuse('unknown_memory');
      return precondition === 'any' ? eraseOf(formerSince) : refuse('changed_meanwhile');
    }
    if (state.erased) return refuse('unchanged');
    if (!matches(state, precondition)) return refuse('changed_meanwhile');
    return eraseOf(state.createdAt);
  };
}

const eraseOf = (createdAt: number): Decision => ({ write: { writes: [], createdAt }, erase: true });

export function decideRestore(past: MemoryFields): Decide {
  return (state) => {
    if (state === null) return refuse('unknown_memory');
    if (state.erased) return refuse('erased_memory');
    const revived: Write[] = isDeleted(state) ? [{ register: 'deleted', value: false }] : [];
    return acceptable(state, state.id, { writes: [...differences(fieldsOf(state), past), ...revived] });
  };
}

/** Writes even what is there already: an informed write of the register is what ends its conflicts. */
export function decideResolve(choice: {
  readonly register: RegisterName;
  readonly loserSeq: number;
  readonly keep: 'winner' | 'loser';
  /** The winner that the caller saw, when it says so. */
  readonly winnerSeq?: number | undefined;
}): Decide {
  const { register, loserSeq, keep, winnerSeq } = choice;
  return (state) => {
    const conflict = state?.conflicts.find((open) => open.register === register && open.loserSeq === loserSeq);
    const cell = state?.cells.get(register);
    if (state === null || conflict === undefined || cell?.seq !== conflict.winnerSeq) return refuse('register_moved_on');
    if (winnerSeq !== undefined && winnerSeq !== conflict.winnerSeq) return refuse('register_moved_on');
    const value = keep === 'winner' ? conflict.winnerValue : conflict.loserValue;
    return acceptable(state, state.id, { writes: [{ register, value }] });
  };
}

export const isDeleted = (state: MemoryState): boolean => state.erased || state.cells.get('deleted')?.value === true;

/** A caller never meets a deleted memory as a live one. */
function onLive(precondition: Precondition, decide: (state: MemoryState) => Decision): Decide {
  return (state) => {
    if (state?.erased === true) return refuse('erased_memory');
    if (state === null || isDeleted(state)) return refuse('unknown_memory');
    return matches(state, precondition) ? decide(state) : refuse('changed_meanwhile');
  };
}

const matches = (state: MemoryState, precondition: Precondition): boolean =>
  precondition === 'any' || precondition.includes(state.seq);

/** The write, unless the merge would reject it: a caller gets an error instead, and the log no event. */
export function acceptable(state: MemoryState | null, memoryId: MemoryId, change: Change): Decision {
  if (change.writes.length === 0) return refuse('unchanged');
  const seen = state?.seq ?? 0;
  const outcome = merge(state, { memoryId, seq: seen + 1, base: seen, device: serverDeviceId, hlc: zeroHlc, at: 0, change });
  if (outcome.outcome !== 'rejected') return { write: change };
  const field = outcome.code === 'invalid_value' ? firstInvalid(change) : undefined;
  return { refuse: refusalByRejection[outcome.code], ...(outcome.detail && { detail: outcome.detail }), ...(field && { field }) };
}

function firstInvalid({ writes }: Change): FieldError | undefined {
  for (const write of writes) {
    const checked = checkWrite(write);
    if (!checked.ok) return checked.error;
  }
  return undefined;
}

const refusalByRejection: Readonly<Record<RejectionCode, RefusalCode>> = {
  unknown_memory: 'unknown_memory',
  erased_memory: 'erased_memory',
  invalid_value: 'invalid_request',
  too_many_tags: 'too_many_tags',
  empty_patch: 'unchanged',
};

const fieldNames = ['content', 'type', 'scope', 'confidence', 'source'] as const;

/** The writes that make the named fields what they should be. */
export function differences(before: MemoryFields | null, after: Partial<MemoryFields>): Write[] {
  const writes: Write[] = [];
  const add = (register: RegisterName, was: RegisterValue, value: RegisterValue): void => {
    if (!valuesEqual(was, value)) writes.push({ register, value });
  };
  for (const name of fieldNames) {
    const value = after[name];
    if (value !== undefined) add(name, before?.[name] ?? emptyValue(name), value);
  }
  if (after.tags === undefined) return writes;
  const was = new Set(before?.tags);
  const wanted = new Set(after.tags);
  for (const tag of new Set([...was, ...wanted])) add(tagRegister(tag), was.has(tag), wanted.has(tag));
  return writes;
}

function refuse(code: RefusalCode, detail?: string): Decision {
  return detail === undefined ? { refuse: code } : { refuse: code, detail };
}
