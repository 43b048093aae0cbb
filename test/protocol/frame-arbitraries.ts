/** Random frames and events, each as the session on either side hands it to a codec. */
import fc from 'fast-check';
import { type Collected, eventKinds, type LogEvent, outcomes, rejectionCodes } from '../../src/core/event.ts';
import { type ConflictId, type DeviceId, type Epoch, nilMemoryId } from '../../src/core/ids.ts';
import type { RegisterName } from '../../src/core/register.ts';
import type {
  Auth,
  ClientFrame,
  Delta,
  ErrorFrame,
  Got,
  Hello,
  Push,
  PushedOp,
  Reset,
  Snapshot,
  Welcome,
} from '../../src/protocol/frames.ts';
import {
  changeArb,
  deviceIdArb,
  hlcArb,
  idArb,
  memoryArb,
  memoryIdArb,
  seqArb,
  textArb,
  timeArb,
  writeArb,
} from '../support/arbitraries.ts';

/** An event as the log takes it: `device` is the ordinal of its writer. */
export type EventToStore = Omit<LogEvent, 'seq' | 'device'> & { readonly device: number };

const exact = { noNullPrototype: true } as const;
const epochArb = idArb<Epoch>();
const registerArb: fc.Arbitrary<RegisterName> = writeArb.map((write) => write.register);

/** A time as both forms carry it: JSON in ISO 8601, whose years end at 9999 for most readers. */
const isoTimeArb = timeArb.filter((ms) => ms <= 253_402_300_799_999);

export const helloArb: fc.Arbitrary<Hello> = fc.record(
  {
    type: fc.constant('HELLO' as const),
    protocol: fc.nat(),
    flags: fc.nat(),
    device: deviceIdArb,
    epoch: fc.option(epochArb),
    cursor: seqArb,
    lastCounter: seqArb,
    token: textArb(40),
    now: timeArb,
    resume: fc.record({ at: seqArb, after: memoryIdArb }, exact),
  },
  { requiredKeys: ['type', 'protocol', 'flags', 'device', 'epoch', 'cursor', 'lastCounter', 'now'], ...exact },
);

const pushedOpArb: fc.Arbitrary<PushedOp> = fc.record(
  { memoryId: memoryIdArb, hlc: hlcArb, base: seqArb, change: changeArb },
  { requiredKeys: ['memoryId', 'hlc', 'change'], ...exact },
);

export const pushArb: fc.Arbitrary<Push> = fc.record(
  {
    type: fc.constant('PUSH' as const),
    firstCounter: seqArb.map((seq) => Math.max(1, seq)),
    base: seqArb,
    ops: fc.array(pushedOpArb, { maxLength: 4 }),
  },
  exact,
);

const gotArb: fc.Arbitrary<Got> = fc.record({ type: fc.constant('GOT' as const), to: seqArb }, exact);
const authArb: fc.Arbitrary<Auth> = fc.record({ type: fc.constant('AUTH' as const), token: textArb(40) }, exact);
const pingArb = fc.constant({ type: 'PING' } as const);

/** A client's PONG is read without its time: nobody asks for it. */
export const clientFrameArb: fc.Arbitrary<ClientFrame> = fc.oneof(
  helloArb,
  pushArb,
  gotArb,
  authArb,
  pingArb,
  fc.constant({ type: 'PONG' } as const),
);

export const welcomeArb: fc.Arbitrary<Welcome> = fc.record(
  {
    type: fc.constant('WELCOME' as const),
    protocol: fc.nat(),
    epoch: epochArb,
    head: seqArb,
    floor: seqArb,
    lastCounter: seqArb,
    now: timeArb,
    tokenExpiresAt: isoTimeArb,
    limits: fc.record({ maxFrameBytes: fc.nat(), maxOps: fc.nat(), maxInFlight: fc.nat() }, exact),
  },
  exact,
);

export const snapshotArb: fc.Arbitrary<Snapshot> = fc.record(
  {
    type: fc.constant('SNAPSHOT' as const),
    at: seqArb,
    next: fc.option(memoryIdArb),
    memories: fc.array(memoryArb, { maxLength: 3 }),
  },
  exact,
);

export const resetArb: fc.Arbitrary<Reset> = fc.record(
  {
    type: fc.constant('RESET' as const),
    code: fc.constantFrom('cursor_expired', 'cursor_ahead', 'epoch_mismatch', 'device_forked'),
    epoch: epochArb,
    floor: seqArb,
    head: seqArb,
    shared: fc.option(seqArb),
  },
  exact,
);

export const errorArb: fc.Arbitrary<ErrorFrame> = fc.record(
  { type: fc.constant('ERROR' as const), code: textArb(20), detail: textArb(40), expected: seqArb },
  { requiredKeys: ['type', 'code', 'detail'], ...exact },
);

const pongArb = fc.record({ type: fc.constant('PONG' as const), now: timeArb }, { requiredKeys: ['type'], ...exact });

/** Every frame of the server but DELTA, which is made of stored events. */
export const serverFrameArb = fc.oneof(welcomeArb, snapshotArb, resetArb, errorArb, pingArb, pongArb);

const opEventArb: fc.Arbitrary<EventToStore> = fc.record(
  {
    device: fc.oneof(fc.nat(3), fc.nat(70_000)),
    counter: seqArb,
    hlc: hlcArb,
    at: isoTimeArb,
    memoryId: memoryIdArb,
    kind: fc.constantFrom(...eventKinds.filter((kind) => kind !== 'collect')),
    outcome: fc.constantFrom(...outcomes),
    code: fc.constantFrom(...rejectionCodes),
    change: fc.option(changeArb),
    lost: fc.uniqueArray(registerArb, { maxLength: 3 }),
    conflicts: fc.array(
      fc.record({ id: idArb<ConflictId>(), register: registerArb, winnerSeq: seqArb, loserSeq: seqArb }, exact),
      { maxLength: 2 },
    ),
  },
  { requiredKeys: ['device', 'counter', 'hlc', 'at', 'memoryId', 'kind', 'outcome', 'change', 'lost', 'conflicts'], ...exact },
);

const collectedArb: fc.Arbitrary<Collected> = fc.record({ floor: seqArb, ids: fc.array(memoryIdArb, { maxLength: 4 }) }, exact);

/** SYN-12: written by the server, about many memories. */
const collectEventArb: fc.Arbitrary<EventToStore> = fc.record(
  {
    device: fc.constant(0),
    counter: seqArb,
    hlc: hlcArb,
    at: isoTimeArb,
    memoryId: fc.constant(nilMemoryId),
    kind: fc.constant('collect' as const),
    outcome: fc.constant('applied' as const),
    change: fc.constant(null),
    lost: fc.constant([]),
    conflicts: fc.constant([]),
    collected: collectedArb,
  },
  exact,
);

export const eventArb: fc.Arbitrary<EventToStore> = fc.oneof(
  { arbitrary: opEventArb, weight: 5 },
  { arbitrary: collectEventArb, weight: 1 },
);

/** Stored events, as many devices as their ordinals name, and a place in the log. */
export const storedArb = fc.tuple(fc.array(eventArb, { maxLength: 5 }), fc.nat(2 ** 40)).chain(([events, from]) => {
  const ordinals = [...new Set(events.map((event) => event.device))];
  const ids = fc.array(deviceIdArb, { minLength: ordinals.length, maxLength: ordinals.length });
  return ids.map((devices) => ({
    events,
    from,
    deviceByOrdinal: new Map(ordinals.map((ordinal, i) => [ordinal, devices[i] as DeviceId])),
  }));
});

export const headerArb = fc.record(
  {
    head: seqArb,
    acked: seqArb,
    hash: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }).map((bits) => bits.toString(16).padStart(16, '0')),
  },
  { requiredKeys: ['head'], ...exact },
);

/** The event as a device receives it. */
export function received(event: EventToStore, seq: number, deviceByOrdinal: ReadonlyMap<number, DeviceId>): LogEvent {
  return { ...event, seq, device: deviceByOrdinal.get(event.device) as DeviceId };
}

export const deltaArb: fc.Arbitrary<Delta> = fc
  .tuple(storedArb, headerArb)
  .map(([{ events, from, deviceByOrdinal }, header]) => ({
    type: 'DELTA',
    ...header,
    from,
    to: from + events.length,
    events: events.map((event, i) => received(event, from + i + 1, deviceByOrdinal)),
  }));
