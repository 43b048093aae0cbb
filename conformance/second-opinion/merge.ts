/**
 * How a log of ops is decided, written from the words of MRG-1 to MRG-5 and LOG-2 in docs/, and not from the code of the
 * server: a second opinion. It takes valid values only, and knows what the rules promise; which of several edits stands for
 * the loser under a delete they leave open.
 */
import type { Hlc } from '../../src/core/clock.ts';
import type { DeviceId, MemoryId } from '../../src/core/ids.ts';
import type { RegisterName, RegisterValue, Write } from '../../src/core/register.ts';

/** An op with what the log made of it: its place, its stamp as accepted. */
export interface LoggedOp {
  readonly seq: number;
  readonly device: DeviceId;
  readonly base: number;
  readonly hlc: Hlc;
  readonly memoryId: MemoryId;
  readonly writes: readonly Write[];
}

export interface ExpectedConflict {
  readonly register: RegisterName;
  readonly winnerSeq: number;
  readonly loserSeq: number;
}

export interface Decision {
  readonly outcome: 'applied' | 'superseded' | 'rejected';
  readonly code?: 'unknown_memory';
  readonly lost: readonly RegisterName[];
  /** Of registers that the op wrote, but for `deleted`. */
  readonly conflicts: readonly ExpectedConflict[];
  /** MRG-5: the conflict of `deleted` that an edit under an unseen delete has to bring. */
  readonly underDelete: ExpectedConflict | null;
}

interface Register {
  readonly value: RegisterValue;
  readonly seq: number;
  readonly device: DeviceId;
  readonly hlc: Hlc;
}

type Registers = Map<RegisterName, Register>;

export interface MergeModel {
  /** Ops in the order of the log. */
  decide(op: LoggedOp): Decision;
  value(id: MemoryId, register: RegisterName): RegisterValue | undefined;
}

export function createMergeModel(): MergeModel {
  const memories = new Map<MemoryId, Registers>();
  return {
    decide(op) {
      const known = memories.get(op.memoryId);
      const isWhole = ['content', 'type', 'scope'].every((name) => op.writes.some(({ register }) => register === name));
      if (known === undefined && !isWhole) return rejected;
      const registers: Registers = known ?? new Map();
      memories.set(op.memoryId, registers);
      return decideKnown(registers, op);
    },
    value: (id, register) => memories.get(id)?.get(register)?.value,
  };
}

const rejected: Decision = { outcome: 'rejected', code: 'unknown_memory', lost: [], conflicts: [], underDelete: null };

function decideKnown(registers: Registers, op: LoggedOp): Decision {
  const before = new Map(registers);
  const lost: RegisterName[] = [];
  const conflicts: ExpectedConflict[] = [];
  for (const write of op.writes) {
    const stands = before.get(write.register);
    const wins = stands === undefined || hasSeen(op, stands) || isGreater(op, write, stands);
    if (wins) registers.set(write.register, stampedAfter(op, write, stands));
    else if (!isSame(write.value, stands.value)) lost.push(write.register);
    const isKnown = stands === undefined || hasSeen(op, stands) || isSame(write.value, stands.value);
    if (isKnown || write.register === 'deleted') continue;
    const [winnerSeq, loserSeq] = wins ? [op.seq, stands.seq] : [stands.seq, op.seq];
    conflicts.push({ register: write.register, winnerSeq, loserSeq });
  }
  const outcome = lost.length > 0 ? 'superseded' : 'applied';
  return { outcome, lost, conflicts, underDelete: findUnderDelete(before, op) };
}

function findUnderDelete(before: Registers, op: LoggedOp): ExpectedConflict | null {
  const deleted = before.get('deleted');
  const isEdit = !op.writes.some(({ register }) => register === 'deleted');
  if (deleted?.value !== true || hasSeen(op, deleted) || !isEdit) return null;
  return { register: 'deleted', winnerSeq: deleted.seq, loserSeq: op.seq };
}

/** MRG-1. */
const hasSeen = (op: LoggedOp, { seq, device }: Register): boolean => seq <= op.base || device === op.device;

/** MRG-2; MRG-5: a delete hides, whatever its stamp. */
function isGreater(op: LoggedOp, write: Write, stands: Register): boolean {
  if (write.register === 'deleted' && write.value !== stands.value) return write.value === true;
  const difference = op.hlc.ms - stands.hlc.ms || op.hlc.count - stands.hlc.count;
  return difference === 0 ? op.device > stands.device : difference > 0;
}

/** MRG-1: a sequential op whose stamp is not greater than the stored one gets the stored one + 1. */
function stampedAfter({ seq, device, hlc, ...op }: LoggedOp, { value }: Write, stands: Register | undefined): Register {
  const isBehind =
    stands !== undefined &&
    hasSeen({ ...op, seq, device, hlc }, stands) &&
    (hlc.ms - stands.hlc.ms || hlc.count - stands.hlc.count) <= 0;
  return { value, seq, device, hlc: isBehind ? { ms: stands.hlc.ms, count: stands.hlc.count + 1 } : hlc };
}

const isSame = (one: RegisterValue, other: RegisterValue): boolean => JSON.stringify(one) === JSON.stringify(other);
