/** Both devices lose the connection, edit the same memories, and come back one after the other. */

import type { LogEvent } from '../../src/core/event.ts';
import type { OutboxOp } from '../../src/sync/replica-change.ts';
import type { BroughtIn } from './act-online.ts';
import { type Cast, connect, settle } from './cast.ts';
import type { DeviceHandle } from './device-handle.ts';
import { createScenes, type DeviceName, editsOf, type Scene } from './scenes.ts';
import { beside, quote } from './terminal.ts';
import type { LoggedOp } from './verdicts.ts';
import { describeMemory, describeWrite } from './wording.ts';

/** Ops that wait for their place in the log. */
export interface WrittenOp {
  readonly by: DeviceName;
  readonly op: OutboxOp;
}

export interface Parted {
  readonly scenes: readonly Scene[];
  readonly written: readonly WrittenOp[];
  /** The last seq that both had seen. */
  readonly partedAt: number;
}

export function editOffline(cast: Cast, brought: BroughtIn): Promise<Parted> {
  const { terminal, laptop, phone } = cast;
  return terminal.step('Both go offline, and edit the same memories', async () => {
    const scenes = createScenes(brought.laptop, brought.phone);
    const seen = await phone.ask(
      'write',
      editsOf(scenes, ({ seen: writes }) => writes),
    );
    const held = await settle(cast);
    await Promise.all([laptop.ask('disconnect', null), phone.ask('disconnect', null)]);
    const ofLaptop = await laptop.ask(
      'write',
      editsOf(scenes, ({ offline }) => offline.laptop),
    );
    const ofPhone = await phone.ask(
      'write',
      editsOf(scenes, ({ offline }) => offline.phone),
    );
    const written = [...by('phone', seen), ...by('laptop', ofLaptop), ...by('phone', ofPhone)];
    return { result: { scenes, written, partedAt: held.laptop.cursor }, lines: scenes.flatMap(describeScene) };
  });
}

const by = (name: DeviceName, ops: readonly OutboxOp[]): WrittenOp[] => ops.map((op) => ({ by: name, op }));

function describeScene({ name, about, before, seen, offline }: Scene): string[] {
  const lines = [`${name}  ${about}`];
  if (before !== null) lines.push(`   ${beside('before', quote(before, 80))}`);
  for (const write of seen ?? []) lines.push(`   ${beside('phone', `${describeWrite(write)} (online)`)}`);
  for (const device of ['laptop', 'phone'] as const) {
    // Of a new memory only its first register, the content.
    const writes = before === null ? offline[device]?.slice(0, 1) : offline[device];
    for (const write of writes ?? []) lines.push(`   ${beside(device, describeWrite(write))}`);
  }
  return lines;
}

/** The phone first: so the writes of the slow clock come in last, and last is not what wins. */
export function comeBack(cast: Cast, { scenes, written, partedAt }: Parted): Promise<readonly LoggedOp[]> {
  const { terminal, laptop, phone } = cast;
  return terminal.step('They come back, the phone first', async () => {
    const lines = [await describeReturn(cast, phone, partedAt), await describeReturn(cast, laptop, partedAt)];
    await settle(cast);
    const events = await laptop.ask('events', 0);
    const ops = written.map((entry) => ({ ...entry, event: eventOf(events, entry, cast[entry.by]) }));
    const first = scenes[0];
    if (first !== undefined) {
      const [onLaptop, onPhone] = await Promise.all([laptop.ask('view', first.memoryId), phone.ask('view', first.memoryId)]);
      lines.push(
        `${first.name} now, on the laptop: ${describeMemory(onLaptop)}`,
        `${first.name} now, on the phone:  ${describeMemory(onPhone)}`,
      );
    }
    return { result: ops.toSorted((a, b) => a.event.seq - b.event.seq), lines };
  });
}

async function describeReturn(cast: Cast, device: DeviceHandle, partedAt: number): Promise<string> {
  const startedAt = performance.now();
  await connect(cast, device);
  const tookMs = Math.round(performance.now() - startedAt);
  const events = await device.ask('events', partedAt);
  const own = events.filter((event) => event.device === device.id);
  const superseded = own.filter(({ outcome }) => outcome === 'superseded').length;
  const lost = superseded === 0 ? 'all applied' : `${superseded} of them lost a register`;
  return beside(
    device.name,
    `in step after ${tookMs} ms: ${own.length} ops sent, ${lost}; ${events.length - own.length} events of the other came`,
  );
}

function eventOf(events: readonly LogEvent[], { op }: WrittenOp, { id, name }: DeviceHandle): LogEvent {
  const event = events.find(({ device, counter }) => device === id && counter === op.counter);
  if (event === undefined) throw new Error(`op ${op.counter} of the ${name} was acknowledged, but is no event`);
  if (event.outcome === 'rejected') throw new Error(`op ${op.counter} of the ${name} was rejected: ${event.code}`);
  return event;
}
