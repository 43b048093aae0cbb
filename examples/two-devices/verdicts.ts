/** Who won each register that two devices wrote, and by which rule, read from the log. */

import type { Hlc } from '../../src/core/clock.ts';
import type { LogEvent } from '../../src/core/event.ts';
import type { MemoryId } from '../../src/core/ids.ts';
import { type RegisterName, type RegisterValue, valuesEqual } from '../../src/core/register.ts';
import type { OutboxOp } from '../../src/sync/replica-change.ts';
import type { DeviceName } from './scenes.ts';

/** An op with what the server made of it. */
export interface LoggedOp {
  readonly by: DeviceName;
  readonly op: OutboxOp;
  readonly event: LogEvent;
}

export interface Side {
  readonly by: DeviceName;
  readonly seq: number;
  /** The stamp in the log, and as the device's own clock made it. */
  readonly stamp: Hlc;
  readonly ownStamp: Hlc;
  readonly value: RegisterValue;
}

/** `seen`: the later writer knew of the other (MRG-1). `equal`, `stamp`: concurrent (MRG-2, MRG-3). `delete`: MRG-5. */
export type Reason = 'seen' | 'equal' | 'stamp' | 'delete';

export interface Verdict {
  readonly register: RegisterName;
  readonly reason: Reason;
  readonly winner: Side;
  readonly loser: Side;
}

/** @param ops in the order of the log. */
export function judge(ops: readonly LoggedOp[], memoryId: MemoryId): Verdict[] {
  const ofMemory = ops.filter(({ op }) => op.memoryId === memoryId);
  const registers = new Set(ofMemory.flatMap(({ op }) => op.change.writes.map(({ register }) => register)));
  const contested = [...registers].flatMap((register): Verdict[] => {
    const [first, second] = ofMemory.filter(({ op }) => writesTo(op, register));
    return first === undefined || second === undefined ? [] : [judgeRegister(register, first, second)];
  });
  return [...contested, ...judgeDeletes(ofMemory)];
}

function judgeRegister(register: RegisterName, first: LoggedOp, second: LoggedOp): Verdict {
  const [before, after] = [toSide(first, register), toSide(second, register)];
  if (second.op.base >= first.event.seq) return { register, reason: 'seen', winner: after, loser: before };
  if (valuesEqual(before.value, after.value)) return { register, reason: 'equal', winner: after, loser: before };
  const [winner, loser] = second.event.lost.includes(register) ? [before, after] : [after, before];
  return { register, reason: 'stamp', winner, loser };
}

/** A delete and an edit write different registers; that they met, the log says by a conflict of `deleted`. */
function judgeDeletes(ops: readonly LoggedOp[]): Verdict[] {
  const conflicts = ops.flatMap(({ event }) => event.conflicts).filter(({ register }) => register === 'deleted');
  return conflicts.flatMap(({ winnerSeq, loserSeq }): Verdict[] => {
    const winner = ops.find(({ event }) => event.seq === winnerSeq);
    const loser = ops.find(({ event }) => event.seq === loserSeq);
    const edited = loser?.op.change.writes[0]?.register;
    if (winner === undefined || loser === undefined || edited === undefined) return [];
    return [{ register: 'deleted', reason: 'delete', winner: toSide(winner, 'deleted'), loser: toSide(loser, edited) }];
  });
}

const writesTo = (op: OutboxOp, register: RegisterName): boolean => op.change.writes.some((write) => write.register === register);

function toSide({ by, op, event }: LoggedOp, register: RegisterName): Side {
  const value = op.change.writes.find((write) => write.register === register)?.value ?? null;
  return { by, seq: event.seq, stamp: event.hlc, ownStamp: op.hlc, value };
}
