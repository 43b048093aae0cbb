/** Servers that are broken, each in one way, with the rules that they break. */
import { type Hlc, maxHlcCount } from '../../src/core/clock.ts';
import type { LogEvent } from '../../src/core/event.ts';
import { type DeviceId, idFromBytes, idToBytes, type MemoryId, serverDeviceId } from '../../src/core/ids.ts';
import type { ClientFrame, Delta, Push, ServerFrame, Snapshot } from '../../src/protocol/frames.ts';
import { encodeDeflated, encodeServerFrame, type Form, type Link, type Mutated, type Mutation } from './mutant-proxy.ts';

export interface Mutant {
  /** What it does, as one would say it of the server. */
  readonly name: string;
  readonly mutation: Mutation;
  readonly form: Form | 'both';
  /** The rules that it breaks: a check of each has to fail. */
  readonly rules: readonly string[];
  /** Parts of the titles of the checks that have to catch it. */
  readonly caughtBy: readonly string[];
  /** Parts of the titles of checks near by that it passes. */
  readonly passes: readonly string[];
}

/** What nearly every broken server still does. */
const atEase = ['HELLO is answered by WELCOME, with everything', 'PING is answered by PONG'];

export const mutants: readonly Mutant[] = [
  {
    name: 'never acks',
    mutation: { sockets: onDelta(({ acked: _, ...delta }) => delta) },
    form: 'binary',
    rules: ['SYN-3'],
    caughtBy: ['PUSH is answered by a DELTA that carries ack'],
    passes: ['what is written over HTTP reaches the sockets', ...atEase],
  },
  {
    name: 'acks before it has written, and forgets',
    mutation: { sockets: () => (link) => ({ fromDevice: onPush((push) => acked(link, push)) }) },
    form: 'text',
    rules: ['SYN-3', 'LOG-1'],
    caughtBy: ['PUSH is answered by a DELTA that carries ack', 'what is acked is in the log', 'seqs have no gaps'],
    passes: atEase,
  },
  {
    name: 'acks one op too many',
    mutation: { sockets: onDelta((delta) => (delta.acked === undefined ? delta : { ...delta, acked: delta.acked + 1 })) },
    form: 'binary',
    rules: ['SYN-3'],
    caughtBy: ['an ack never runs ahead', 'PUSH is answered by a DELTA that carries ack'],
    passes: ['a reader that leaves', ...atEase],
  },
  {
    name: 'drops an event from a delta',
    mutation: {
      sockets: onDelta((delta) => (delta.events.length < 2 ? delta : { ...delta, events: delta.events.toSpliced(1, 1) })),
    },
    form: 'binary',
    rules: ['SYN-4'],
    caughtBy: ['a delta is a contiguous piece', 'a device that comes back gets'],
    passes: ['kinds name what an op did', ...atEase],
  },
  {
    name: 'drops an event from a delta, and says nothing of it',
    mutation: {
      sockets: onDelta((delta) => (delta.events.length < 2 ? delta : { ...delta, events: delta.events.toSpliced(1, 1) })),
    },
    form: 'text',
    rules: ['SYN-4'],
    caughtBy: ['a delta is a contiguous piece', 'a device that comes back gets'],
    passes: ['kinds name what an op did', ...atEase],
  },
  {
    name: 'tells an event twice',
    mutation: {
      sockets: onDelta((delta) => ({
        ...delta,
        to: delta.to + delta.events.slice(0, 1).length,
        events: [...delta.events.slice(0, 1), ...delta.events],
      })),
    },
    form: 'text',
    rules: ['SYN-4'],
    caughtBy: ['a delta is a contiguous piece', 'a device that comes back gets'],
    passes: atEase,
  },
  {
    name: 'tells events out of order',
    mutation: { sockets: onDelta((delta) => ({ ...delta, events: delta.events.toReversed() })) },
    form: 'text',
    rules: ['SYN-4'],
    caughtBy: ['a delta is a contiguous piece', 'a device that comes back gets'],
    passes: ['kinds name what an op did', ...atEase],
  },
  {
    name: 'begins its deltas one too late',
    mutation: { sockets: onDelta((delta) => ({ ...delta, from: delta.from + 1 })) },
    form: 'text',
    rules: ['SYN-3', 'SYN-4'],
    caughtBy: ['PUSH is answered by a DELTA that carries ack', 'a delta is a contiguous piece'],
    passes: atEase,
  },
  {
    name: 'leaves a device’s own events out',
    mutation: { sockets: () => () => leavesOut((event, device) => event.device === device) },
    form: 'text',
    rules: ['SYN-3', 'SYN-4'],
    caughtBy: ['PUSH is answered by a DELTA that carries ack', 'a delta carries the device’s own events too'],
    passes: ['a device that comes back gets', ...atEase].slice(1),
  },
  {
    name: 'keeps what is written over HTTP from the sockets',
    mutation: { sockets: () => () => ({ fromServer: (frame) => (isOf(frame, serverDeviceId) ? [] : [frame]) }) },
    form: 'binary',
    rules: ['SYN-4'],
    caughtBy: ['what is written over HTTP reaches the sockets'],
    passes: ['a delta is a contiguous piece', ...atEase],
  },
  {
    name: 'computes another state hash',
    mutation: { sockets: onDelta((delta) => (delta.hash === undefined ? delta : { ...delta, hash: flipped(delta.hash) })) },
    form: 'binary',
    rules: ['SYN-6'],
    caughtBy: ['the hash at the head is that of the rows', 'the hash after a snapshot'],
    passes: ['a rejected op changes no row and no hash', 'a delta is a contiguous piece', ...atEase],
  },
  {
    name: 'applies a replay a second time',
    mutation: { sockets: countersBy((push, last) => (push.firstCounter <= last ? { ...push, firstCounter: last + 1 } : push)) },
    form: 'binary',
    rules: ['LOG-2'],
    caughtBy: ['the same PUSH again is answered', 'after a lost ack the same ops'],
    passes: ['PUSH frames may overlap', ...atEase],
  },
  {
    name: 'swallows a gap of counters',
    mutation: {
      sockets: countersBy((push, last) => (push.firstCounter > last + 1 ? { ...push, firstCounter: last + 1 } : push)),
    },
    form: 'text',
    rules: ['LOG-2'],
    caughtBy: ['counters in the future are counter_gap'],
    passes: ['the same PUSH again is answered', ...atEase],
  },
  {
    name: 'names the wrong counter as expected',
    mutation: {
      sockets: onFrame('ERROR', (error) => (error.expected === undefined ? error : { ...error, expected: error.expected + 1 })),
    },
    form: 'binary',
    rules: ['LOG-2'],
    caughtBy: ['counters in the future are counter_gap'],
    passes: atEase,
  },
  {
    name: 'closes the socket over a malformed frame',
    mutation: {
      sockets: () => (link) => ({ fromServer: (frame) => (isError(frame, 'invalid_frame') ? closed(link) : [frame]) }),
    },
    form: 'both',
    rules: ['SYN-1', 'SEC-2'],
    caughtBy: ['MessagePack extension types', 'bytes after the end', 'text that is no JSON', 'HELLO said twice is an error'],
    passes: ['an op that cannot be applied is rejected', ...atEase],
  },
  {
    name: 'closes the socket over an op that cannot be applied',
    mutation: { sockets: () => (link) => ({ fromServer: (frame) => (hasRejected(frame) ? closed(link) : [frame]) }) },
    form: 'text',
    rules: ['LOG-2', 'SEC-2'],
    caughtBy: ['an op that cannot be applied is rejected', 'a rejected op is told again'],
    passes: ['counters in the future are counter_gap', ...atEase],
  },
  {
    name: 'acks a replay without what was recorded',
    mutation: { sockets: () => (link) => bareReplays(link) },
    form: 'binary',
    rules: ['LOG-2'],
    caughtBy: ['a rejected op is told again', 'the same PUSH again is answered'],
    passes: ['counters in the future are counter_gap', ...atEase],
  },
  {
    name: 'applies the good ops of a malformed frame',
    mutation: { sockets: () => (link) => ({ raw: (data, form) => form === 'text' && appliesTheGood(link, data.toString()) }) },
    form: 'text',
    rules: ['SEC-2'],
    caughtBy: ['a malformed op refuses the whole frame'],
    passes: ['an op that cannot be applied is rejected', ...atEase],
  },
  {
    name: 'takes a frame of any size',
    mutation: { sockets: () => (link) => ({ raw: (data) => data.length > 1_048_576 && saysInvalid(link) }) },
    form: 'both',
    rules: ['SEC-3'],
    caughtBy: ['a frame above maxFrameBytes', 'a frame above twice maxFrameBytes'],
    passes: atEase,
  },
  {
    name: 'takes a cursor above the head for the head',
    mutation: { sockets: () => helloAgain('cursor_ahead', (hello, { head }) => ({ ...hello, cursor: head })) },
    form: 'binary',
    rules: ['SYN-5'],
    caughtBy: ['a cursor above the head is told cursor_ahead'],
    passes: ['a base above the head is RESET cursor_ahead', ...atEase],
  },
  {
    name: 'takes any epoch for its own',
    mutation: { sockets: onHello((hello) => ({ ...hello, epoch: null })) },
    form: 'text',
    rules: ['SYN-5'],
    caughtBy: ['another epoch is told epoch_mismatch', 'a snapshot that cannot go on begins anew'],
    passes: ['a cursor above the head is told cursor_ahead', ...atEase],
  },
  {
    name: 'lets a clone speak under the id of the first',
    mutation: { sockets: onHello((hello) => ({ ...hello, lastCounter: Number.MAX_SAFE_INTEGER })) },
    form: 'binary',
    rules: ['SYN-2'],
    caughtBy: ['a clone is told device_forked'],
    passes: ['WELCOME tells the last counter of this device', ...atEase],
  },
  {
    name: 'speaks any version',
    mutation: { sockets: onHello((hello) => ({ ...hello, protocol: 1 })) },
    form: 'text',
    rules: ['SYN-2'],
    caughtBy: ['another version is refused'],
    passes: atEase,
  },
  {
    name: 'forgets the last counter of a device',
    mutation: { sockets: onFrame('WELCOME', (welcome) => ({ ...welcome, lastCounter: 0 })) },
    form: 'text',
    rules: ['SYN-2'],
    caughtBy: ['WELCOME tells the last counter of this device'],
    passes: atEase,
  },
  {
    name: 'answers binary frames in text',
    mutation: { sockets: () => () => ({ write: (frame) => encodeServerFrame(frame, 'text') }) },
    form: 'binary',
    rules: ['SYN-1'],
    caughtBy: ['PING is answered by PONG', 'every frame comes in the form'],
    passes: ['HELLO is answered by WELCOME, with everything'],
  },
  {
    name: 'refuses members that it does not know',
    mutation: {
      sockets: () => (link) => ({ raw: (data, form) => form === 'text' && hasUnknown(data.toString()) && saysInvalid(link) }),
    },
    form: 'text',
    rules: ['SYN-1'],
    caughtBy: ['unknown members of a JSON frame are ignored'],
    passes: ['a JSON HELLO may leave out', ...atEase],
  },
  {
    name: 'deflates for a device that did not ask',
    mutation: {
      sockets: () => () => ({
        write: (frame, form) => (form === 'text' ? encodeServerFrame(frame, form) : encodeDeflated(frame)),
      }),
    },
    form: 'binary',
    rules: ['SYN-11'],
    caughtBy: ['deflated frames go to a device that takes them'],
    passes: atEase,
  },
  {
    name: 'loses a concurrent value without a conflict',
    mutation: { sockets: onEvents((event) => ({ ...event, conflicts: [] })) },
    form: 'binary',
    rules: ['MRG-3', 'MRG-5'],
    caughtBy: ['a value that loses on arrival', 'a value that is beaten later', 'an edit concurrent with a delete'],
    passes: ['writing an equal value is no conflict', 'of concurrent writes the later stamp wins, when it came first', ...atEase],
  },
  {
    name: 'keeps to itself which registers lost',
    mutation: { sockets: onEvents((event) => ({ ...event, lost: [] })) },
    form: 'text',
    rules: ['MRG-2', 'MRG-3', 'SYN-4'],
    caughtBy: [
      'the later stamp wins, when it came first',
      'each register of an op is decided',
      'applying the events, each without what it lost',
    ],
    passes: ['a value that is beaten later', ...atEase],
  },
  {
    name: 'lets the older write win',
    mutation: { sockets: () => olderWins() },
    form: 'text',
    rules: ['MRG-2', 'MRG-7'],
    caughtBy: [
      'the later stamp wins, when it comes last',
      'the later stamp wins, when it came first',
      'a random history is decided as the rules say (seed 4711)',
    ],
    passes: ['writing an equal value is no conflict', 'different fields and tags', ...atEase],
  },
  {
    name: 'lets the smaller device id win',
    mutation: { sockets: () => () => mirrored },
    form: 'binary',
    rules: ['MRG-2'],
    caughtBy: ['of equal stamps the greater device id wins'],
    passes: ['the later stamp wins, when it comes last', ...atEase],
  },
  {
    name: 'lets whoever comes last win',
    mutation: { sockets: () => raisesBases(() => true) },
    form: 'binary',
    rules: ['MRG-2', 'MRG-3'],
    caughtBy: ['the later stamp wins, when it came first', 'a value that is beaten later', 'each register of an op is decided'],
    passes: ['a write that knew of the last one wins', ...atEase],
  },
  {
    name: 'lets a restore win over a concurrent delete',
    mutation: {
      sockets: () =>
        raisesBases(({ ops }) =>
          ops.some(({ change }) => change.writes.some(({ register, value }) => register === 'deleted' && value === false)),
        ),
    },
    form: 'text',
    rules: ['MRG-5'],
    caughtBy: ['a delete hides a memory that is restored concurrently'],
    passes: ['an edit concurrent with a delete', ...atEase],
  },
  {
    name: 'tells stamps as far ahead as they came',
    mutation: {
      sockets: onEvents((event) =>
        event.hlc.ms === event.at + 60_000 ? { ...event, hlc: { ms: event.at + 600_000, count: 0 } } : event,
      ),
    },
    form: 'binary',
    rules: ['MRG-6'],
    caughtBy: ['a stamp far ahead is clamped'],
    passes: ['a stamp up to a minute ahead', ...atEase],
  },
  {
    name: 'sends on, confirmed or not',
    mutation: { sockets: () => (link) => ({ fromServer: (frame) => confirming(link, frame) }) },
    form: 'binary',
    rules: ['SYN-8'],
    caughtBy: ['without GOT the server stops'],
    passes: ['a device that reads nothing holds up no other', ...atEase],
  },
  {
    name: 'never goes on after it has stopped',
    mutation: { sockets: () => () => ({ fromDevice: (frame) => (frame.type === 'GOT' ? [] : [frame]) }) },
    form: 'text',
    rules: ['SYN-8'],
    caughtBy: ['without GOT the server stops'],
    passes: ['the base of a PUSH confirms', ...atEase],
  },
  {
    name: 'tells one user what another writes',
    mutation: { sockets: () => leaks() },
    form: 'text',
    rules: ['SEC-1'],
    caughtBy: ['another user hears nothing'],
    passes: ['the same memory id under two users', ...atEase].slice(1),
  },
  {
    name: 'tolerates tokens that have expired and sessions that have ended',
    mutation: {
      sockets: () => () => ({
        closes: false,
        fromServer: (frame) => (isError(frame, 'unauthorized', 'device_revoked') ? [] : [frame]),
      }),
    },
    form: 'binary',
    rules: ['SYN-9'],
    caughtBy: ['logout closes the sockets', 'a revoked device closes its socket', 'a token that expires closes'],
    passes: ['AUTH with a renewed token', ...atEase],
  },
  {
    name: 'misses a row in a snapshot page',
    mutation: {
      sockets: onFrame('SNAPSHOT', (page) => ({
        ...page,
        memories: page.memories.toSpliced(0, page.memories.length > 1 ? 1 : 0),
      })),
    },
    form: 'binary',
    rules: ['SYN-5', 'SYN-6'],
    caughtBy: ['a snapshot holds every memory', 'the hash after a snapshot'],
    passes: ['flag 2 of HELLO asks', ...atEase],
  },
  {
    name: 'sends a snapshot oldest first',
    mutation: { sockets: onFrame('SNAPSHOT', ascending) },
    form: 'text',
    rules: ['SYN-5'],
    caughtBy: ['a snapshot holds every memory'],
    passes: ['the hash after a snapshot', ...atEase],
  },
  {
    name: 'calls each page of a snapshot the last one',
    mutation: { sockets: onFrame('SNAPSHOT', (page) => ({ ...page, next: null })) },
    form: 'binary',
    rules: ['SYN-5'],
    caughtBy: ['a snapshot holds every memory'],
    passes: ['deleted memories are in the snapshot', ...atEase],
  },
  {
    name: 'begins every snapshot anew',
    mutation: { sockets: onHello(({ resume: _, ...hello }) => hello) },
    form: 'text',
    rules: ['SYN-5'],
    caughtBy: ['a snapshot that was cut goes on'],
    passes: ['a snapshot that cannot go on begins anew', ...atEase],
  },
  {
    name: 'never sends a snapshot that is only asked for',
    mutation: { sockets: onHello((hello) => ({ ...hello, flags: hello.flags & ~6 })) },
    form: 'binary',
    rules: ['SYN-5'],
    caughtBy: ['flag 2 of HELLO asks'],
    passes: ['a device that comes back gets', ...atEase],
  },
  {
    name: 'takes a second HELLO without a word',
    mutation: { sockets: () => () => onlyOneHello() },
    form: 'binary',
    rules: ['SYN-2'],
    caughtBy: ['HELLO said twice is an error'],
    passes: atEase,
  },
  {
    name: 'never answers PING',
    mutation: { sockets: () => () => ({ fromServer: (frame) => (frame.type === 'PONG' ? [] : [frame]) }) },
    form: 'text',
    rules: ['SYN-1'],
    caughtBy: ['PING is answered by PONG'],
    passes: ['HELLO is answered by WELCOME, with everything'],
  },
  {
    name: 'never answers at all',
    mutation: { sockets: () => () => ({ fromServer: () => [] }) },
    form: 'both',
    rules: ['SYN-1', 'SYN-2', 'SYN-3'],
    caughtBy: [
      'HELLO is answered by WELCOME, with everything',
      'PING is answered by PONG',
      'PUSH is answered by a DELTA that carries ack',
    ],
    passes: ['a push over HTTP is answered with its events'],
  },
  {
    name: 'leaves an event out of a pull over HTTP',
    mutation: { answers: (path, body) => (path.includes('form=events') ? withoutSecond(body) : body) },
    form: 'binary',
    rules: ['SYN-4'],
    caughtBy: ['updates?form=events gives the events'],
    passes: ['updates gives the present state', ...atEase],
  },
  {
    name: 'says done before it is',
    mutation: { answers: (path, body) => (path.includes('/sync/updates') ? { ...body, done: true } : body) },
    form: 'binary',
    rules: ['SYN-4'],
    caughtBy: ['updates?form=events gives the events'],
    passes: ['a push over HTTP is answered with its events', ...atEase],
  },
];

function isError(frame: ServerFrame, ...codes: readonly string[]): boolean {
  return frame.type === 'ERROR' && codes.includes(frame.code);
}

function isOf(frame: ServerFrame, device: DeviceId): boolean {
  return frame.type === 'DELTA' && frame.events.some((event) => event.device === device);
}

function hasRejected(frame: ServerFrame): boolean {
  return frame.type === 'DELTA' && frame.events.some(({ outcome }) => outcome === 'rejected');
}

function onFrame<T extends ServerFrame['type']>(type: T, change: (frame: Extract<ServerFrame, { type: T }>) => ServerFrame) {
  const fromServer = (frame: ServerFrame) => [frame.type === type ? change(frame as Extract<ServerFrame, { type: T }>) : frame];
  return () => (): Mutated => ({ fromServer });
}

function onDelta(change: (delta: Delta) => Delta) {
  return onFrame('DELTA', change);
}

function onEvents(change: (event: LogEvent) => LogEvent) {
  return onDelta((delta) => ({ ...delta, events: delta.events.map(change) }));
}

type Hello = Extract<ClientFrame, { type: 'HELLO' }>;

function onHello(change: (hello: Hello) => Hello) {
  return () => (): Mutated => ({ fromDevice: (frame) => [frame.type === 'HELLO' ? change(frame) : frame] });
}

function onPush(change: (push: Push) => readonly ClientFrame[]): NonNullable<Mutated['fromDevice']> {
  return (frame) => (frame.type === 'PUSH' ? change(frame) : [frame]);
}

function closed(link: Link): [] {
  link.closeDevice(1_008);
  return [];
}

function saysInvalid(link: Link): true {
  link.toDevice({ type: 'ERROR', code: 'invalid_frame', detail: 'of the mutant' });
  return true;
}

/** An ack out of nothing. */
function acked(link: Link, { firstCounter, base, ops }: Push): [] {
  link.toDevice({ type: 'DELTA', from: base, to: base, head: base, acked: firstCounter + ops.length - 1, events: [] });
  return [];
}

function flipped(hash: string): string {
  return hash.replace(/^./, (digit) => (digit === '0' ? '1' : '0'));
}

/** Knows the last counter of each device, over all its sockets. */
function countersBy(change: (push: Push, last: number) => Push) {
  return () => {
    const lastByDevice = new Map<string, number>();
    return (): Mutated => {
      let device = '';
      const raise = (counter: number): void => void lastByDevice.set(device, Math.max(counter, lastByDevice.get(device) ?? 0));
      return {
        fromDevice: (frame) => {
          if (frame.type === 'HELLO') device = frame.device;
          if (frame.type !== 'PUSH') return [frame];
          const pushed = change(frame, lastByDevice.get(device) ?? 0);
          raise(pushed.firstCounter + pushed.ops.length - 1);
          return [pushed];
        },
      };
    };
  };
}

function bareReplays(link: Link): Mutated {
  let last = 0;
  return {
    fromDevice: onPush((push) => {
      if (push.firstCounter <= last) return acked(link, push);
      if (push.firstCounter === last + 1) last += push.ops.length;
      return [push];
    }),
  };
}

/** Drops ops whose paths are no registers, and goes on with the rest. */
function appliesTheGood(link: Link, text: string): boolean {
  const frame = parsed(text) as { type?: string; firstCounter: number; base: number; ops: { patch: { path: string }[] }[] };
  const good = frame.type === 'PUSH' ? frame.ops.filter(({ patch }) => patch.every(({ path }) => path !== '/nonsense')) : [];
  if (frame.type !== 'PUSH' || good.length === frame.ops.length) return false;
  for (const [index, op] of good.entries()) {
    const { memoryId } = op as unknown as { memoryId: MemoryId };
    const writes = op.patch.map((operation) => ({
      register: operation.path.slice(1) as 'content',
      value: (operation as unknown as { value: string }).value,
    }));
    const pushed = { memoryId, hlc: { ms: 1, count: 0 }, change: { writes } };
    link.toServer({ type: 'PUSH', firstCounter: frame.firstCounter + index, base: frame.base, ops: [pushed] });
  }
  return saysInvalid(link);
}

function hasUnknown(text: string): boolean {
  return 'later' in parsed(text);
}

function parsed(text: string): object {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? value : {};
  } catch (error) {
    if (error instanceof SyntaxError) return {};
    throw error;
  }
}

/** In place of the RESET the server is asked again. */
function helloAgain(code: string, change: (hello: Hello, reset: Extract<ServerFrame, { type: 'RESET' }>) => Hello) {
  return (link: Link): Mutated => {
    let said: Hello | null = null;
    let isLive = false;
    return {
      fromDevice: (frame) => {
        if (frame.type === 'HELLO') said = frame;
        return [frame];
      },
      fromServer: (frame) => {
        isLive ||= frame.type === 'WELCOME';
        if (frame.type !== 'RESET' || frame.code !== code || said === null || isLive) return [frame];
        link.toServer(change(said, frame));
        return [];
      },
    };
  };
}

function leavesOut(isLeftOut: (event: LogEvent, device: DeviceId) => boolean): Mutated {
  let device = serverDeviceId;
  return {
    fromDevice: (frame) => {
      if (frame.type === 'HELLO') device = frame.device;
      return [frame];
    },
    fromServer: (frame) =>
      frame.type === 'DELTA' ? [{ ...frame, events: frame.events.filter((event) => !isLeftOut(event, device)) }] : [frame],
  };
}

/** Edits are stamped backwards on the way in, from some time after now on, and forwards again on the way out. */
function olderWins(): () => Mutated {
  let pivot: number | null = null;
  const edits = new Set<string>();
  const turned = <T extends { readonly hlc: Hlc }>(op: T): T => ({
    ...op,
    hlc: { ms: 2 * (pivot ?? 0) + 40_000 - op.hlc.ms, count: maxHlcCount - op.hlc.count },
  });
  return () => {
    let device = '';
    return {
      fromDevice: (frame) => {
        if (frame.type === 'HELLO') device = frame.device;
        if (frame.type !== 'PUSH') return [frame];
        const ops = frame.ops.map((op, index) => {
          if (op.change.writes.some(({ register }) => register === 'scope')) return op;
          edits.add(`${device} ${frame.firstCounter + index}`);
          return turned(op);
        });
        return [{ ...frame, ops }];
      },
      fromServer: (frame) => {
        if (frame.type === 'WELCOME') pivot ??= frame.now;
        if (frame.type !== 'DELTA') return [frame];
        return [
          {
            ...frame,
            events: frame.events.map((event) => (edits.has(`${event.device} ${event.counter}`) ? turned(event) : event)),
          },
        ];
      },
    };
  };
}

/** Device ids are turned over on the way in, so that their order is the other way round, and back on the way out. */
const mirrored: Mutated = {
  fromDevice: (frame) => [frame.type === 'HELLO' ? { ...frame, device: mirror(frame.device) } : frame],
  fromServer: (frame) =>
    frame.type === 'DELTA'
      ? [{ ...frame, events: frame.events.map((event) => ({ ...event, device: mirror(event.device) })) }]
      : [frame],
};

function mirror(id: DeviceId): DeviceId {
  return id === serverDeviceId ? id : idFromBytes(idToBytes(id).map((byte) => 0xff - byte));
}

/** Ops are said to know of everything that any socket was told so far. */
function raisesBases(isRaised: (push: Push) => boolean): () => Mutated {
  const headByToken = new Map<string, number>();
  return () => {
    let user = '';
    return {
      fromDevice: (frame) => {
        if (frame.type === 'HELLO') user = frame.token ?? '';
        if (frame.type !== 'PUSH' || !isRaised(frame)) return [frame];
        const base = Math.max(frame.base, headByToken.get(user) ?? 0);
        return [{ ...frame, base, ops: frame.ops.map(({ base: _, ...op }) => op) }];
      },
      fromServer: (frame) => {
        if (frame.type === 'DELTA') headByToken.set(user, Math.max(frame.to, headByToken.get(user) ?? 0));
        return [frame];
      },
    };
  };
}

function confirming(link: Link, frame: ServerFrame): readonly ServerFrame[] {
  if (frame.type === 'DELTA') link.toServer({ type: 'GOT', to: frame.to });
  return [frame];
}

/** Every device of every user is told the first event of each delta, in the place where its own next one would be. */
function leaks(): (link: Link) => Mutated {
  const others = new Set<{ readonly link: Link; token: string; cursor: number }>();
  return (link) => {
    const own = { link, token: '', cursor: 0 };
    return {
      fromDevice: (frame) => {
        if (frame.type === 'HELLO') Object.assign(own, { token: frame.token, cursor: frame.cursor });
        return [frame];
      },
      fromServer: (frame) => {
        if (frame.type === 'WELCOME') others.add(own);
        if (frame.type !== 'DELTA') return [frame];
        own.cursor = Math.max(own.cursor, frame.to);
        const [event] = frame.events;
        if (event === undefined) return [frame];
        for (const { link: other, token, cursor } of others) {
          const seq = cursor + 1;
          if (token !== own.token)
            other.toDevice({ type: 'DELTA', from: cursor, to: seq, head: seq, events: [{ ...event, seq }] });
        }
        return [frame];
      },
    };
  };
}

function ascending(page: Snapshot): Snapshot {
  const memories = page.memories.toReversed();
  return { ...page, memories, next: page.next === null ? null : (memories.at(-1)?.id ?? null) };
}

function onlyOneHello(): Mutated {
  let isLive = false;
  return {
    fromDevice: (frame) => (frame.type === 'HELLO' && isLive ? [] : [frame]),
    fromServer: (frame) => {
      isLive ||= frame.type === 'WELCOME';
      return [frame];
    },
  };
}

function withoutSecond(body: Record<string, unknown>): Record<string, unknown> {
  const events = body['events'];
  return Array.isArray(events) ? { ...body, events: events.toSpliced(1, 1) } : body;
}
