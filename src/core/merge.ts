/**
 * The merge (MRG-1 to MRG-7): one op meets one memory. A pure function, total and deterministic, shared by the server,
 * which decides, and the client, which predicts.
 */

import type { Change } from './change.ts';
import { compareHlc, type Hlc, hlcAfter } from './clock.ts';
import type { DeviceId, MemoryId } from './ids.ts';
import { type MemoryFields, type MemoryScope, type MemoryType, memoryLimits, type Source } from './memory.ts';
import {
  checkWrite,
  emptyValue,
  type RegisterName,
  type RegisterValue,
  requiredRegisters,
  tagOf,
  valuesEqual,
  type Write,
} from './register.ts';

/** A register's value and the op that last won it. */
export interface Cell {
  readonly value: RegisterValue;
  readonly seq: number;
  readonly device: DeviceId;
  readonly hlc: Hlc;
}

/** A value that lost against a concurrent write and waits for a decision. Its identity is (register, loserSeq). */
export interface OpenConflict {
  readonly register: RegisterName;
  readonly winnerSeq: number;
  readonly loserSeq: number;
  readonly winnerDevice: DeviceId;
  readonly loserDevice: DeviceId;
  readonly winnerValue: RegisterValue;
  readonly loserValue: RegisterValue;
}

/** How a conflict ended: the value that was chosen, or a later write that knew of it and wrote something else. */
export type Resolution = 'winner' | 'loser' | 'overwritten' | 'erased';

export interface MemoryState {
  readonly id: MemoryId;
  /** Of the last event that touched the memory. */
  readonly seq: number;
  readonly createdAt: number;
  readonly updatedAt: number;
  readonly erased: boolean;
  readonly cells: ReadonlyMap<RegisterName, Cell>;
  readonly conflicts: readonly OpenConflict[];
}

/** An op with the place in the log that it is about to take. `hlc` is already clamped (MRG-6). */
export interface PlacedOp {
  readonly memoryId: MemoryId;
  readonly seq: number;
  readonly device: DeviceId;
  /** The seq up to which the device had seen everything when it wrote the op. */
  readonly base: number;
  readonly hlc: Hlc;
  /** Server time of acceptance, Unix ms. */
  readonly at: number;
  readonly change: Change;
  /** Erases content and history for good. Only the server writes this. */
  readonly erase?: boolean;
}

export type RejectionCode = 'unknown_memory' | 'erased_memory' | 'invalid_value' | 'too_many_tags' | 'empty_patch';

/** `collect` never comes out of a merge: it is the server's own, about many memories (SYN-12). */
export type EventKind = 'create' | 'update' | 'delete' | 'restore' | 'erase' | 'reject' | 'collect';

export interface Rejected {
  readonly outcome: 'rejected';
  readonly code: RejectionCode;
  /** Names the field, for `invalid_value`. */
  readonly detail?: string;
}

export interface Merged {
  /** `superseded`: at least one register of the op lost. */
  readonly outcome: 'applied' | 'superseded';
  readonly kind: Exclude<EventKind, 'reject' | 'collect'>;
  readonly state: MemoryState;
  readonly lost: readonly RegisterName[];
  /** Conflicts that this op brought about. */
  readonly opened: readonly OpenConflict[];
  /** Conflicts that go on against a new winner. */
  readonly moved: readonly OpenConflict[];
  readonly closed: readonly { readonly conflict: OpenConflict; readonly resolution: Resolution }[];
}

export function merge(state: MemoryState | null, op: PlacedOp): Merged | Rejected {
  if (state?.erased === true) return { outcome: 'rejected', code: 'erased_memory' };
  if (op.erase === true) return state === null ? { outcome: 'rejected', code: 'unknown_memory' } : erase(state, op);
  const rejected = reject(state, op);
  if (rejected !== null) return rejected;
  const draft = createDraft(state, op);
  for (const write of op.change.writes) writeRegister(draft, op, write);
  keepEditUnderDelete(draft, state, op);
  const merged = finish(draft, state, op);
  return exceedsTagLimits(merged.state, op) ? { outcome: 'rejected', code: 'too_many_tags' } : merged;
}

/**
 * MRG-1: whether the op's device had seen the register's last write. The vector clock test `clock(op) ≥ dot(cell)` in one
 * integer comparison: a register's writer is seen iff its seq is in the op's prefix of the log, or it is the same device.
 */
export function isSequential(cell: Cell | undefined, op: Pick<PlacedOp, 'base' | 'device'>): boolean {
  return cell === undefined || cell.seq <= op.base || cell.device === op.device;
}

/** MRG-2: whether a concurrent write beats the cell: greater (hlc, device id). For `deleted`, a delete comes first (MRG-5). */
export function beats(write: Write, op: Pick<PlacedOp, 'hlc' | 'device'>, cell: Cell): boolean {
  if (write.register === 'deleted' && write.value !== cell.value) return write.value === true;
  return (compareHlc(op.hlc, cell.hlc) || compareIds(op.device, cell.device)) > 0;
}

export function isDeleted(state: MemoryState): boolean {
  return state.cells.get('deleted')?.value === true;
}

/** What erasing leaves a tombstone of when nothing else is known: the events before are blank, or the memory was collected. */
export function forgottenState({ memoryId: id, seq, change }: Pick<PlacedOp, 'memoryId' | 'seq' | 'change'>): MemoryState {
  const createdAt = change.createdAt ?? 0;
  return { id, seq: seq - 1, createdAt, updatedAt: createdAt, erased: false, cells: new Map(), conflicts: [] };
}

/** The fields of a state as callers see them. */
export function fieldsOf(state: MemoryState): MemoryFields & { readonly deleted: boolean } {
  const value = (register: RegisterName) => state.cells.get(register)?.value ?? emptyValue(register);
  const tags: string[] = [];
  for (const [register, cell] of state.cells) {
    const tag = tagOf(register);
    if (tag !== null && cell.value === true) tags.push(tag);
  }
  return {
    content: (value('content') ?? '') as string,
    type: (value('type') ?? 'fact') as MemoryType,
    scope: (value('scope') ?? 'user_global') as MemoryScope,
    confidence: value('confidence') as number | null,
    source: value('source') as Source | null,
    tags: tags.sort(),
    deleted: value('deleted') as boolean,
  };
}

interface Draft {
  readonly cells: Map<RegisterName, Cell>;
  readonly lost: RegisterName[];
  readonly opened: OpenConflict[];
  readonly moved: OpenConflict[];
  readonly closed: { readonly conflict: OpenConflict; readonly resolution: Resolution }[];
  /** Conflicts that were open before the op and have not been moved or closed by it. */
  untouched: OpenConflict[];
  latest: Hlc;
}

function createDraft(state: MemoryState | null, op: PlacedOp): Draft {
  const untouched = [...(state?.conflicts ?? [])];
  return { cells: new Map(state?.cells), lost: [], opened: [], moved: [], closed: [], untouched, latest: op.hlc };
}

function reject(state: MemoryState | null, op: PlacedOp): Rejected | null {
  const { writes } = op.change;
  for (const write of writes) {
    const checked = checkWrite(write);
    if (!checked.ok)
      return { outcome: 'rejected', code: 'invalid_value', detail: `${checked.error.path} ${checked.error.message}` };
  }
  if (state === null && !requiredRegisters.every((name) => writes.some((write) => write.register === name))) {
    return { outcome: 'rejected', code: 'unknown_memory' };
  }
  return writes.length === 0 ? { outcome: 'rejected', code: 'empty_patch' } : null;
}

function writeRegister(draft: Draft, op: PlacedOp, write: Write): void {
  const cell = draft.cells.get(write.register);
  if (cell === undefined || isSequential(cell, op)) {
    const hlc = cell !== undefined && compareHlc(op.hlc, cell.hlc) <= 0 ? hlcAfter(cell.hlc) : op.hlc;
    return win(draft, op, write, hlc, true);
  }
  const equal = valuesEqual(write.value, cell.value);
  if (beats(write, op, cell)) {
    win(draft, op, write, op.hlc, false);
    if (!equal) draft.opened.push(conflictOf(write.register, { ...cell }, op, write.value, 'op'));
  } else if (!equal) {
    draft.lost.push(write.register);
    draft.opened.push(conflictOf(write.register, cell, op, write.value, 'cell'));
  }
}

/** The write becomes the register's value; older conflicts of the register end, or go on against it. */
function win(draft: Draft, op: PlacedOp, write: Write, hlc: Hlc, sequential: boolean): void {
  draft.cells.set(write.register, { value: write.value, seq: op.seq, device: op.device, hlc });
  if (compareHlc(hlc, draft.latest) > 0) draft.latest = hlc;
  if (draft.untouched.length === 0) return;
  const ofRegister = draft.untouched.filter((conflict) => conflict.register === write.register);
  draft.untouched = draft.untouched.filter((conflict) => conflict.register !== write.register);
  for (const conflict of ofRegister) {
    const knewBoth = sequential && conflict.loserSeq <= op.base && conflict.winnerSeq <= op.base;
    if (knewBoth || valuesEqual(write.value, conflict.loserValue)) {
      draft.closed.push({ conflict, resolution: resolutionOf(conflict, write.value) });
    } else {
      draft.moved.push({ ...conflict, winnerSeq: op.seq, winnerDevice: op.device, winnerValue: write.value });
    }
  }
}

function resolutionOf(conflict: OpenConflict, value: RegisterValue): Resolution {
  if (valuesEqual(value, conflict.loserValue)) return 'loser';
  return valuesEqual(value, conflict.winnerValue) ? 'winner' : 'overwritten';
}

function conflictOf(
  register: RegisterName,
  cell: Pick<Cell, 'seq' | 'device' | 'value'>,
  op: PlacedOp,
  value: RegisterValue,
  winner: 'op' | 'cell',
): OpenConflict {
  const [won, lost] =
    winner === 'op' ? [{ seq: op.seq, device: op.device, value }, cell] : [cell, { seq: op.seq, device: op.device, value }];
  return {
    register,
    winnerSeq: won.seq,
    loserSeq: lost.seq,
    winnerDevice: won.device,
    loserDevice: lost.device,
    winnerValue: won.value,
    loserValue: lost.value,
  };
}

/** MRG-5: an edit and a delete that did not know of each other. The delete hides, the edit is kept as a conflict of `deleted`. */
function keepEditUnderDelete(draft: Draft, state: MemoryState | null, op: PlacedOp): void {
  const before = state?.cells.get('deleted');
  const written = op.change.writes.find((write) => write.register === 'deleted');
  if (written === undefined) {
    if (before?.value === true && !isSequential(before, op)) draft.opened.push(conflictOf('deleted', before, op, false, 'cell'));
  } else if (written.value === true && before?.value !== true && !draft.lost.includes('deleted')) {
    const edit = latestUnseenEdit(state, op);
    if (edit === null) return;
    // A conflict is named once. An edit older than the last write of `deleted` may have had its conflict, since closed: what
    // stands for it now is that write, unless a conflict says already that the memory was alive.
    const isNew = before === undefined || edit.seq > before.seq;
    const isKept = [...draft.opened, ...draft.moved].some((conflict) => conflict.register === 'deleted');
    if (isNew || !isKept) draft.opened.push(conflictOf('deleted', { ...(isNew ? edit : before), value: false }, op, true, 'op'));
  }
}

function latestUnseenEdit(state: MemoryState | null, op: PlacedOp): Cell | null {
  let latest: Cell | null = null;
  for (const [register, cell] of state?.cells ?? []) {
    if (register !== 'deleted' && !isSequential(cell, op) && cell.seq > (latest?.seq ?? 0)) latest = cell;
  }
  return latest;
}

function finish(draft: Draft, state: MemoryState | null, op: PlacedOp): Merged {
  const won = draft.lost.length < op.change.writes.length;
  const next: MemoryState = {
    id: op.memoryId,
    seq: op.seq,
    createdAt: state?.createdAt ?? Math.max(0, Math.min(op.change.createdAt ?? op.hlc.ms, op.at)),
    updatedAt: won ? Math.max(state?.updatedAt ?? 0, draft.latest.ms) : (state?.updatedAt ?? draft.latest.ms),
    erased: false,
    cells: draft.cells,
    conflicts: [...draft.untouched, ...draft.moved, ...draft.opened],
  };
  const { lost, opened, moved, closed } = draft;
  return {
    outcome: lost.length > 0 ? 'superseded' : 'applied',
    kind: kindOf(state, op),
    state: next,
    lost,
    opened,
    moved,
    closed,
  };
}

function kindOf(state: MemoryState | null, op: PlacedOp): Merged['kind'] {
  if (state === null) return 'create';
  const deleted = op.change.writes.find((write) => write.register === 'deleted')?.value;
  if (deleted === true) return 'delete';
  return deleted === false && state.cells.get('deleted')?.value === true ? 'restore' : 'update';
}

function exceedsTagLimits(state: MemoryState, op: PlacedOp): boolean {
  if (!op.change.writes.some((write) => tagOf(write.register) !== null)) return false;
  let present = 0;
  let known = 0;
  for (const [register, cell] of state.cells) {
    if (tagOf(register) === null) continue;
    known++;
    if (cell.value === true) present++;
  }
  return present > memoryLimits.tags || known > memoryLimits.tagRegisters;
}

/** The tombstone rests on the erasing op and the time of creation: once the payloads are blank a rebuild finds nothing else. */
function erase(state: MemoryState, op: PlacedOp): Merged {
  const cell: Cell = { value: true, seq: op.seq, device: op.device, hlc: op.hlc };
  const next: MemoryState = {
    ...state,
    seq: op.seq,
    updatedAt: op.hlc.ms,
    erased: true,
    cells: new Map([['deleted', cell]]),
    conflicts: [],
  };
  const closed = state.conflicts.map((conflict) => ({ conflict, resolution: 'erased' as const }));
  return { outcome: 'applied', kind: 'erase', state: next, lost: [], opened: [], moved: [], closed };
}

const compareIds = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
