/** What happens in a run, as data: a list of steps of which each can be taken out, so that a failing one can be made short. */
import type { MemoryScope, MemoryType } from '../../src/core/memory.ts';
import type { NetworkWeather } from './network.ts';

export interface Schedule {
  readonly seed: number;
  readonly setup: Setup;
  /** By time. */
  readonly steps: readonly Step[];
}

/** What holds for the whole run. */
export interface Setup {
  readonly devices: readonly DeviceSetup[];
  readonly nodes: number;
  /** The same ids for every user: a value that crosses over is found out. */
  readonly memories: number;
  readonly maxOps: number;
  readonly maxInFlight: number;
  readonly maxBufferedBytes: number;
  readonly snapshotMemories: number;
  readonly pageEvents: number;
  readonly tokenMs: number;
  readonly tombstoneMs: number;
  readonly deviceExpiryMs: number;
  readonly diskDelayMs: number;
  /** The nemeses stop then, ms. */
  readonly calmAtMs: number;
}

export interface DeviceSetup {
  readonly user: number;
  readonly clockOffsetMs: number;
  /** Of the clock, ms a second. */
  readonly driftMs: number;
  readonly startsAtMs: number;
  /** What its browser has for tabs to agree on one that leads. Without locks each does. */
  readonly tabs?: 'locks' | 'no locks' | 'no channel';
}

/** `n` names the step: its values and dice follow from it, whatever else is taken out. */
export type Step = { readonly n: number; readonly at: number } & (Work | Nemesis);

export type Work =
  | { readonly do: 'create'; readonly device: number; readonly memory: number | 'new'; readonly fields: WrittenFields }
  | { readonly do: 'update'; readonly device: number; readonly memory: number; readonly fields: WrittenFields }
  | { readonly do: 'delete' | 'restore'; readonly device: number; readonly memory: number }
  | { readonly do: 'resolve'; readonly device: number; readonly nth: number; readonly keep: 'winner' | 'loser' }
  | { readonly do: 'import'; readonly device: number; readonly count: number }
  | { readonly do: 'dismiss'; readonly device: number }
  | {
      readonly do: 'rest';
      readonly user: number;
      readonly what: 'create' | 'update' | 'delete' | 'restore' | 'erase' | 'resolve';
      readonly memory: number;
      readonly fields: WrittenFields;
    };

/** Which fields are written; the values follow from the step. A tag is written by its number: added or taken away. */
export interface WrittenFields {
  readonly content?: true;
  readonly confidence?: true;
  readonly source?: true;
  readonly type?: MemoryType;
  readonly scope?: MemoryScope;
  readonly tags?: readonly number[];
}

export type Nemesis =
  | { readonly do: 'network'; readonly device: number; readonly forMs: number; readonly weather: Partial<NetworkWeather> }
  | { readonly do: 'cut'; readonly device: number }
  | { readonly do: 'kill' | 'close' | 'start'; readonly device: number; readonly tab: number }
  | { readonly do: 'nudge'; readonly device: number }
  | { readonly do: 'sleep'; readonly device: number; readonly tab: number; readonly forMs: number }
  | { readonly do: 'backup' | 'restoreBackup' | 'corrupt' | 'wipeDevice'; readonly device: number }
  | { readonly do: 'clone'; readonly device: number; readonly as: number }
  | { readonly do: 'fullDisk' | 'slowDisk'; readonly device: number; readonly forMs: number }
  | { readonly do: 'clock'; readonly device: number; readonly byMs: number }
  | { readonly do: 'serverClock'; readonly byMs: number }
  | { readonly do: 'crashServer'; readonly node: number; readonly forMs: number }
  | {
      readonly do: 'database';
      readonly forMs: number;
      readonly failure: number;
      readonly lostCommit: number;
      readonly maxDelayMs: number;
    }
  | { readonly do: 'serverBackup' | 'serverWipe' | 'collect' }
  | { readonly do: 'serverRestore'; readonly newEpoch: boolean }
  | { readonly do: 'revoke'; readonly device: number; readonly which: 'replica' | 'login' }
  | { readonly do: 'login'; readonly device: number }
  | { readonly do: 'endSessions'; readonly user: number }
  | { readonly do: 'refuseProtocol'; readonly forMs: number };
