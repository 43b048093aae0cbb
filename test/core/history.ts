/** Plays a random history against the merge, as the server would, and keeps what a test needs to judge it. */
import { type DeviceId, idFromBytes, type MemoryId } from '../../src/core/ids.ts';
import { type MemoryState, type Merged, merge, type PlacedOp } from '../../src/core/merge.ts';
import { emptyClock, type VectorClock, withDot } from '../../src/core/vector-clock.ts';
import { type HistoryStep, historyDevices, historyMemories } from '../support/arbitraries.ts';

/** An op that the server merged. */
export interface PlayedOp {
  readonly op: PlacedOp;
  readonly device: number;
  readonly counter: number;
  /** heads(base) ⊔ {device: counter}, counted from the log alone, without the merge. */
  readonly clock: VectorClock;
  readonly before: MemoryState | null;
  readonly merged: Merged;
}

interface Device {
  base: number;
  counter: number;
  readonly outbox: { readonly op: Omit<PlacedOp, 'seq' | 'at'>; readonly counter: number }[];
}

export const deviceId = (device: number): DeviceId => idFromBytes(new Uint8Array(16).fill(0xd0 + device));
export const memoryId = (memory: number): MemoryId => idFromBytes(new Uint8Array(16).fill(0xa0 + memory));

/** Every op that is written is pushed in the end. A history that the merge rejects is a mistake of the test. */
export function playHistory(steps: readonly HistoryStep[]): PlayedOp[] {
  const log: PlayedOp[] = [];
  const stateById = new Map<MemoryId, MemoryState>();
  const devices: Device[] = Array.from({ length: historyDevices }, () => ({ base: historyMemories, counter: 0, outbox: [] }));
  for (let memory = 0; memory < historyMemories; memory++) accept(log, stateById, historyDevices, memory + 1, creation(memory));
  for (const step of steps) {
    const device = devices[step.device];
    if (device === undefined) throw new RangeError(`no device ${step.device}`);
    if (step.does === 'pull') device.base = Math.min(log.length, device.base + step.events);
    else if (step.does === 'push') push(log, stateById, step.device, device, step.ops);
    else {
      const op = {
        memoryId: memoryId(step.memory),
        device: deviceId(step.device),
        base: device.base,
        hlc: step.hlc,
        change: step.change,
      };
      device.outbox.push({ op, counter: ++device.counter });
    }
  }
  for (const [index, device] of devices.entries()) push(log, stateById, index, device, device.outbox.length);
  return log;
}

/** The memory's state after the last op on it. */
export function finalState(log: readonly PlayedOp[], id: MemoryId): MemoryState {
  const last = log.findLast(({ op }) => op.memoryId === id);
  if (last === undefined) throw new RangeError(`no op on ${id}`);
  return last.merged.state;
}

function creation(memory: number): Omit<PlacedOp, 'seq' | 'at'> {
  const writes = [
    { register: 'content', value: 'first' },
    { register: 'type', value: 'fact' },
    { register: 'scope', value: 'user_global' },
  ] as const;
  return { memoryId: memoryId(memory), device: deviceId(historyDevices), base: 0, hlc: { ms: 3, count: 0 }, change: { writes } };
}

function push(log: PlayedOp[], stateById: Map<MemoryId, MemoryState>, index: number, device: Device, ops: number): void {
  for (const { op, counter } of device.outbox.splice(0, ops)) accept(log, stateById, index, counter, op);
}

function accept(
  log: PlayedOp[],
  stateById: Map<MemoryId, MemoryState>,
  device: number,
  counter: number,
  written: Omit<PlacedOp, 'seq' | 'at'>,
): void {
  const op = { ...written, seq: log.length + 1, at: 1_000 };
  const before = stateById.get(op.memoryId) ?? null;
  const merged = merge(before, op);
  if (merged.outcome === 'rejected') throw new Error(`rejected: ${merged.code}`);
  let clock = emptyClock;
  for (const seen of log.slice(0, op.base)) clock = withDot(clock, seen);
  stateById.set(op.memoryId, merged.state);
  log.push({ op, device, counter, clock: withDot(clock, { device, counter }), before, merged });
}
