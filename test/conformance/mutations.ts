/** Ways to break what passes through the proxy. */
import { type Hlc, maxHlcCount } from '../../src/core/clock.ts';
import type { LogEvent } from '../../src/core/event.ts';
import { type DeviceId, idFromBytes, idToBytes, type MemoryId, serverDeviceId } from '../../src/core/ids.ts';
import type { ClientFrame, Delta, Push, ServerFrame, Snapshot } from '../../src/protocol/frames.ts';
import type { Link, Mutated } from './mutant-proxy.ts';

export function isError(frame: ServerFrame, ...codes: readonly string[]): boolean {
  return frame.type === 'ERROR' && codes.includes(frame.code);
}

export function isOf(frame: ServerFrame, device: DeviceId): boolean {
  return frame.type === 'DELTA' && frame.events.some((event) => event.device === device);
}

export function hasRejected(frame: ServerFrame): boolean {
  return frame.type === 'DELTA' && frame.events.some(({ outcome }) => outcome === 'rejected');
}

export function onFrame<T extends ServerFrame['type']>(
  type: T,
  change: (frame: Extract<ServerFrame, { type: T }>) => ServerFrame,
) {
  const fromServer = (frame: ServerFrame) => [frame.type === type ? change(frame as Extract<ServerFrame, { type: T }>) : frame];
  return () => (): Mutated => ({ fromServer });
}

export function onDelta(change: (delta: Delta) => Delta) {
  return onFrame('DELTA', change);
}

export function onEvents(change: (event: LogEvent) => LogEvent) {
  return onDelta((delta) => ({ ...delta, events: delta.events.map(change) }));
}

type Hello = Extract<ClientFrame, { type: 'HELLO' }>;

export function onHello(change: (hello: Hello) => Hello) {
  return () => (): Mutated => ({ fromDevice: (frame) => [frame.type === 'HELLO' ? change(frame) : frame] });
}

export function onPush(change: (push: Push) => readonly ClientFrame[]): NonNullable<Mutated['fromDevice']> {
  return (frame) => (frame.type === 'PUSH' ? change(frame) : [frame]);
}

export function closed(link: Link): [] {
  link.closeDevice(1_008);
  return [];
}

export function saysInvalid(link: Link): true {
  link.toDevice({ type: 'ERROR', code: 'invalid_frame', detail: 'of the mutant' });
  return true;
}

/** An ack out of nothing. */
export function acked(link: Link, { firstCounter, base, ops }: Push): [] {
  link.toDevice({ type: 'DELTA', from: base, to: base, head: base, acked: firstCounter + ops.length - 1, events: [] });
  return [];
}

export function flipped(hash: string): string {
  return hash.replace(/^./, (digit) => (digit === '0' ? '1' : '0'));
}

/** Knows the last counter of each device, over all its sockets. */
export function countersBy(change: (push: Push, last: number) => Push) {
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

export function bareReplays(link: Link): Mutated {
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
export function appliesTheGood(link: Link, text: string): boolean {
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

export function hasUnknown(text: string): boolean {
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
export function helloAgain(code: string, change: (hello: Hello, reset: Extract<ServerFrame, { type: 'RESET' }>) => Hello) {
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

export function leavesOut(isLeftOut: (event: LogEvent, device: DeviceId) => boolean): Mutated {
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
export function olderWins(): () => Mutated {
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
export const mirrored: Mutated = {
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
export function raisesBases(isRaised: (push: Push) => boolean): () => Mutated {
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

export function confirming(link: Link, frame: ServerFrame): readonly ServerFrame[] {
  if (frame.type === 'DELTA') link.toServer({ type: 'GOT', to: frame.to });
  return [frame];
}

/** Every device of every user is told the first event of each delta, in the place where its own next one would be. */
export function leaks(): (link: Link) => Mutated {
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

export function ascending(page: Snapshot): Snapshot {
  const memories = page.memories.toReversed();
  return { ...page, memories, next: page.next === null ? null : (memories.at(-1)?.id ?? null) };
}

export function onlyOneHello(): Mutated {
  let isLive = false;
  return {
    fromDevice: (frame) => (frame.type === 'HELLO' && isLive ? [] : [frame]),
    fromServer: (frame) => {
      isLive ||= frame.type === 'WELCOME';
      return [frame];
    },
  };
}

export function withoutSecond(body: Record<string, unknown>): Record<string, unknown> {
  const events = body['events'];
  return Array.isArray(events) ? { ...body, events: events.toSpliced(1, 1) } : body;
}

export function tellsWhatWasPushed(): Mutated {
  const pushed = new Map<number, MemoryId>();
  let device = serverDeviceId;
  return {
    fromDevice: (frame) => {
      if (frame.type === 'HELLO') device = frame.device;
      if (frame.type === 'PUSH')
        for (const [n, { memoryId }] of frame.ops.entries()) pushed.set(frame.firstCounter + n, memoryId);
      return [frame];
    },
    fromServer: (frame) => {
      if (frame.type !== 'DELTA') return [frame];
      const told = (event: LogEvent): LogEvent => ({ ...event, memoryId: pushed.get(event.counter) ?? event.memoryId });
      return [{ ...frame, events: frame.events.map((event) => (event.device === device ? told(event) : event)) }];
    },
  };
}

export function leavesOutBehindSnapshot(): Mutated {
  let at = 0;
  return {
    fromServer: (frame) => {
      if (frame.type === 'SNAPSHOT') at = frame.at;
      if (frame.type !== 'DELTA' || frame.from >= at) return [frame];
      return [{ ...frame, from: at, events: frame.events.filter(({ seq }) => seq > at) }];
    },
  };
}

/** By memory and seq, which no two users share. */
export function remembersPatches(): () => Mutated {
  const changes = new Map<string, NonNullable<LogEvent['change']>>();
  const told = (event: LogEvent): LogEvent => {
    const key = `${event.memoryId} ${event.seq}`;
    if (event.change !== null) changes.set(key, event.change);
    return { ...event, change: event.change ?? changes.get(key) ?? null };
  };
  return () => ({ fromServer: (frame) => [frame.type === 'DELTA' ? { ...frame, events: frame.events.map(told) } : frame] });
}

export function forgetsBase(push: Push): readonly ClientFrame[] {
  return [{ ...push, base: 0, ops: push.ops.map(({ base: _, ...op }) => op) }];
}

export function flatters(): Mutated {
  let device = serverDeviceId;
  return {
    fromDevice: (frame) => {
      if (frame.type === 'HELLO') device = frame.device;
      return [frame];
    },
    fromServer: (frame) => {
      if (frame.type !== 'DELTA') return [frame];
      const told = (event: LogEvent): LogEvent => (event.device === device ? { ...event, lost: [], outcome: 'applied' } : event);
      return [{ ...frame, events: frame.events.map(told) }];
    },
  };
}
