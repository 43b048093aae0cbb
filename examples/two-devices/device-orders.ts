/** What the demo asks of a device process and what it answers. Messages travel as JSON, so all of it is plain data. */

import type { Change } from '../../src/core/change.ts';
import type { LogEvent } from '../../src/core/event.ts';
import type { MemoryId } from '../../src/core/ids.ts';
import type { Memory } from '../../src/core/memory.ts';
import type { OutboxOp } from '../../src/sync/replica-change.ts';

export interface Edit {
  readonly memoryId: MemoryId;
  readonly change: Change;
}

export interface Connected {
  /** The server's clock minus the device's own, ms, as WELCOME told. */
  readonly clockOffsetMs: number;
}

/** What a device holds. */
export interface Holding {
  readonly cursor: number;
  /** Over (memory, row seq), kept up by the replica (SYN-6). */
  readonly stateHash: string;
  /** What the server said of its own state, and at which seq. */
  readonly server: { readonly seq: number; readonly hash: string } | null;
  /** Over what the memories say; deleted ones do not count. */
  readonly contentDigest: string;
  readonly memories: number;
  /** Since the process began, both ways, as the socket carried them. */
  readonly wireBytes: number;
}

interface Order<Argument, Answer> {
  readonly argument: Argument;
  readonly answer: Answer;
}

export interface Orders {
  /** Answered when the device has caught up. */
  readonly connect: Order<{ readonly url: string; readonly token: string }, Connected>;
  /** Answered when the socket is closed. */
  readonly disconnect: Order<null, null>;
  /** Local writes. They leave at once when there is a connection, else they wait. */
  readonly write: Order<readonly Edit[], readonly OutboxOp[]>;
  /** Answered when everything was acknowledged and this seq has come. */
  readonly reach: Order<number, Holding>;
  /** The memory as the device's user sees it. */
  readonly view: Order<MemoryId, Memory | null>;
  /** The events that came after this seq. */
  readonly events: Order<number, readonly LogEvent[]>;
}

export type OrderName = keyof Orders;

export interface OrderMessage<Name extends OrderName = OrderName> {
  readonly id: number;
  readonly name: Name;
  readonly argument: Orders[Name]['argument'];
}

export type AnswerMessage =
  | { readonly id: number; readonly answer: Orders[OrderName]['answer'] }
  | { readonly id: number; readonly error: string };
