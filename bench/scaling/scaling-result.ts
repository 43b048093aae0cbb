import type { Machine } from '../machine.ts';
import type { Engine } from '../place.ts';

/** What was measured at each size. Latencies in ms, sizes in MB (10^6 bytes). */
export interface ScalingResult {
  readonly startedAt: string;
  readonly endedAt: string;
  readonly machine: Machine;
  readonly engine: Engine;
  /** Of one user's log. */
  readonly events: readonly EventsPoint[];
  /** Open at the same time, idle. */
  readonly sockets: readonly SocketsPoint[];
  readonly users: readonly UsersPoint[];
}

export interface EventsPoint {
  readonly events: number;
  readonly appendP50: number;
  readonly appendP95: number;
  /** Of ten events. */
  readonly deltaP50: number;
  readonly diskMegabytes: number;
  readonly rssMegabytes: number;
}

export interface SocketsPoint {
  readonly sockets: number;
  readonly rssMegabytes: number;
  /** Of the server's process, for one op that a further user writes on one device and receives on another; null where nobody tells. */
  readonly cpuMsPerPush: number | null;
  readonly pushP50: number;
}

export interface UsersPoint {
  readonly users: number;
  readonly createP50: number;
  readonly createP95: number;
  readonly createsPerSecond: number;
  readonly rssMegabytes: number;
}
