/**
 * The oracles have teeth: clients and servers that are wrong on purpose, each found within few seeds. A mutant is made by
 * wrapping what is injected (mutant.ts), never by changing the product.
 */
import { describe, expect, it } from 'vitest';
import type { Client } from '../../src/client/client-api.ts';
import type { DeviceId } from '../../src/core/ids.ts';
import type { Cell } from '../../src/core/merge.ts';
import { packClientFrame, packDelta, unpackClientFrame, unpackServerFrame } from '../../src/protocol/binary-codec.ts';
import type { Delta } from '../../src/protocol/frames.ts';
import { concatBytes } from '../../src/protocol/message-pack.ts';
import { packEvent } from '../../src/protocol/wire-events.ts';
import { generate, type Scenario } from './generate.ts';
import type { OracleName } from './judge.ts';
import type { Mutant } from './mutant.ts';
import { simulate } from './simulate.ts';

interface WrongVariant {
  readonly name: string;
  /** One of these has to see it. */
  readonly seenBy: readonly OracleName[];
  readonly under: readonly Scenario[];
  readonly make: () => Mutant;
}

/** Seeds within which each has to be found. Measured: most within three. */
const maxSeeds = 40;

const variants: readonly WrongVariant[] = [
  {
    name: 'a client drops ops on the ack number alone',
    seenBy: ['acked then lost'],
    under: ['clone', 'backup', 'cut'],
    make: dropsOnAck,
  },
  {
    name: 'a client moves the cursor before the rows',
    seenBy: ['divergence', 'restart changed state', 'cursor gap'],
    under: ['crash'],
    make: cursorBeforeRows,
  },
  {
    name: 'a client loses the commit that it was killed after',
    seenBy: ['acked then lost', 'restart changed state', 'duplicate effect'],
    under: ['crash', 'offline'],
    make: () => ({ losesLastCommit: true }),
  },
  { name: 'a client never hears RESET', seenBy: ['outbox stuck'], under: ['restore', 'backup'], make: neverResets },
  { name: 'a client pushes the same ops under new counters', seenBy: ['duplicate effect'], under: ['cut'], make: pushesTwice },
  {
    name: 'a client says live whatever happens',
    seenBy: ['status untrue'],
    under: ['offline'],
    make: () => ({ client: (client) => withStatus(client) }),
  },
  {
    name: 'a client does not tell its listeners of each change',
    seenBy: ['subscription missed'],
    under: ['network'],
    make: tellsHalf,
  },
  {
    name: 'a client hides conflicts',
    seenBy: ['conflict lists'],
    under: ['offline'],
    make: () => ({ client: (client) => replaced(client, { conflicts: () => [] }) }),
  },
  { name: 'a server skips an event for a socket', seenBy: ['cursor gap'], under: ['network'], make: skipsEvents },
  { name: 'a server applies replays again', seenBy: ['duplicate effect'], under: ['cut', 'database'], make: appliesReplays },
  {
    name: 'a server takes a push and forgets it',
    seenBy: ['outbox stuck', 'status untrue'],
    under: ['cut'],
    make: forgetsPushes,
  },
  { name: 'a server lets the older write win', seenBy: ['older write won'], under: ['offline'], make: olderWins },
  { name: 'a server lets an edit revive a deleted memory', seenBy: ['older write won'], under: ['offline'], make: editRevives },
  {
    name: 'a server keeps no conflicts',
    seenBy: ['value lost'],
    under: ['offline'],
    make: () => ({ plan: (plan) => ({ ...plan, conflicts: new Map() }) }),
  },
  { name: 'a server changes an event that it has hashed', seenBy: ['chain broken'], under: ['network'], make: changesSalt },
];

describe('the simulator finds', () => {
  it.each(variants)('[house] $name', async ({ seenBy, under, make }) => {
    const seen = await findFirst(under, make);
    expect(seenBy).toContain(seen);
  });
});

async function findFirst(only: readonly Scenario[], make: () => Mutant): Promise<OracleName | null> {
  for (let seed = 1; seed <= maxSeeds; seed++) {
    const { defects } = await simulate(generate(seed, { minutes: 3, only }), { keepsTrace: false, mutant: make() });
    if (defects[0] !== undefined) return defects[0].oracle;
  }
  return null;
}

function dropsOnAck(): Mutant {
  let acked = 0;
  return {
    down(frame) {
      const read = unpackServerFrame(frame);
      if (read.type === 'WELCOME') acked = Math.max(acked, read.lastCounter);
      if (read.type === 'DELTA') acked = Math.max(acked, read.acked ?? 0);
      return [frame];
    },
    disk(change, before) {
      if (change.outbox !== undefined) return { ...change, outbox: change.outbox.filter(({ counter }) => counter > acked) };
      if (change.meta.cursor === before.meta?.cursor) return change;
      return { ...change, settled: [...before.outbox.keys()].filter((counter) => counter <= acked) };
    },
  };
}

function cursorBeforeRows(): Mutant {
  let commits = 0;
  return {
    disk(change) {
      const { rows: _, ...bare } = change;
      return change.rows !== undefined && ++commits % 3 === 0 ? bare : change;
    },
  };
}

function neverResets(): Mutant {
  return { down: (frame) => (unpackServerFrame(frame).type === 'RESET' ? [] : [frame]) };
}

function pushesTwice(): Mutant {
  return {
    up(frame) {
      const read = unpackClientFrame(frame);
      if (read.type !== 'PUSH') return [frame];
      return [frame, packClientFrame({ ...read, firstCounter: read.firstCounter + read.ops.length })];
    },
  };
}

function tellsHalf(): Mutant {
  let events = 0;
  return {
    client: (client) =>
      replaced(client, {
        subscribe: (listener) => client.subscribe((event) => (++events % 2 === 0 ? listener(event) : undefined)),
      }),
  };
}

function skipsEvents(): Mutant {
  let deltas = 0;
  return {
    down(frame) {
      const read = unpackServerFrame(frame);
      if (read.type !== 'DELTA' || read.events.length === 0 || ++deltas % 5 !== 0) return [frame];
      return [packEvents({ ...read, events: read.events.slice(1).map((event) => ({ ...event, seq: event.seq - 1 })) })];
    },
  };
}

function appliesReplays(): Mutant {
  return {
    requests: (requests, { head }) =>
      requests.map((request) => {
        if (request.kind !== 'push') return request;
        const last = head.clock.get(request.device.ordinal) ?? 0;
        return request.firstCounter > last ? request : { ...request, firstCounter: last + 1 };
      }),
  };
}

function forgetsPushes(): Mutant {
  return { requests: (requests) => requests.map((request) => (request.kind === 'push' ? { ...request, ops: [] } : request)) };
}

/** What a write lost against takes its place back. */
function olderWins(): Mutant {
  return {
    plan(plan) {
      const states = new Map(plan.states);
      for (const { memoryId, register, loserValue } of plan.conflicts.values()) {
        const state = states.get(memoryId);
        const cell = state?.cells.get(register);
        if (state === undefined || cell === undefined) continue;
        states.set(memoryId, { ...state, cells: new Map(state.cells).set(register, { ...cell, value: loserValue }) });
      }
      return { ...plan, states };
    },
  };
}

function editRevives(): Mutant {
  return {
    plan(plan) {
      const states = new Map(plan.states);
      for (const { memoryId, kind } of plan.events) {
        const state = states.get(memoryId);
        const cell = state?.cells.get('deleted');
        if (kind !== 'update' || state === undefined || cell?.value !== true) continue;
        const revived: Cell = { ...cell, value: false };
        states.set(memoryId, { ...state, cells: new Map(state.cells).set('deleted', revived) });
      }
      return { ...plan, states };
    },
  };
}

function changesSalt(): Mutant {
  let events = 0;
  const changed = (salt: Uint8Array): Uint8Array => salt.map((byte) => byte ^ 1);
  return {
    plan: (plan) => ({
      ...plan,
      events: plan.events.map((row) => (++events % 4 === 0 ? { ...row, salt: changed(row.salt) } : row)),
    }),
  };
}

function packEvents({ from, head, acked, hash, events }: Delta): Uint8Array {
  const ordinals = new Map<DeviceId, number>();
  for (const { device } of events) ordinals.set(device, ordinals.get(device) ?? ordinals.size + 1);
  const stored = events.flatMap((event) => {
    const { prefix, payload } = packEvent(event, ordinals.get(event.device) ?? 0);
    return [prefix, payload];
  });
  const deviceByOrdinal = new Map(Array.from(ordinals, ([device, ordinal]) => [ordinal, device]));
  const header = { from, head, ...(acked === undefined ? {} : { acked }), ...(hash === undefined ? {} : { hash }) };
  return packDelta(header, { from, count: events.length, events: concatBytes(stored), deviceByOrdinal });
}

/** The client with some of its parts replaced. */
function replaced(client: Client, parts: Partial<Client>): Client {
  return new Proxy(client, {
    get(target, name) {
      if (name in parts) return parts[name as keyof Client];
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

function withStatus(client: Client): Client {
  return new Proxy(client, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name, target);
      if (name === 'status') return { ...target.status, state: 'live', stuck: null };
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}
