/** Is what was acknowledged in the log, once? Pure: what was written, and the log as it is afterwards. */
import type { DeviceId, MemoryId } from '../../src/core/ids.ts';

/** A value of `content` that is written only this once, so that it can be found again. */
export interface Write {
  readonly memoryId: MemoryId;
  readonly content: string;
  /** unknown: nobody said what became of it; it may be there, once. */
  readonly state: 'acked' | 'unknown';
  /** As the answer told it. */
  readonly seq: number | null;
  /** Of an op of a device. */
  readonly device: DeviceId | null;
}

export interface LoggedEvent {
  readonly seq: number;
  readonly device: DeviceId;
  readonly counter: number;
  readonly memoryId: MemoryId;
  /** What it sets the content to; null when it does not. */
  readonly content: string | null;
  readonly deletes: boolean;
}

export interface Written {
  readonly writes: readonly Write[];
  /** Deletes that were acknowledged. */
  readonly deleted: readonly MemoryId[];
  /** Of each device that writes ops itself: the counter of its newest op. */
  readonly counters: ReadonlyMap<DeviceId, number>;
}

/** Sentences about what is wrong, for people. All empty: all is well. */
export interface Audit {
  readonly lost: readonly string[];
  readonly doubled: readonly string[];
  /** Events that nobody wrote, and gaps. */
  readonly strange: readonly string[];
}

export function auditLog({ writes, deleted, counters }: Written, log: readonly LoggedEvent[]): Audit {
  const byContent = groupBy(
    log.filter(({ content }) => content !== null),
    ({ memoryId, content }) => nameOf(memoryId, content),
  );
  const named = new Set(writes.map(({ memoryId, content }) => nameOf(memoryId, content)));
  const found = writes.map((write) => ({ write, events: byContent.get(nameOf(write.memoryId, write.content)) ?? [] }));
  const deletedInLog = new Set(log.filter(({ deletes }) => deletes).map(({ memoryId }) => memoryId));
  return {
    lost: [
      ...found.filter(isLost).map(({ write }) => `memory ${write.memoryId}: ${write.content} (seq ${write.seq ?? 'unknown'})`),
      ...deleted.filter((id) => !deletedInLog.has(id)).map((id) => `memory ${id}: its delete`),
      ...[...counters].flatMap(([device, last]) => missingCounters(device, last, log)),
    ],
    doubled: [
      ...found
        .filter(({ events }) => events.length > 1)
        .map(({ write, events }) => `${write.content}: seqs ${events.map(({ seq }) => seq).join(', ')}`),
      ...[...groupBy(log, ({ device, counter }) => `op ${counter} of device ${device}`)].flatMap(([dot, events]) =>
        events.length > 1 ? [`${dot}: seqs ${events.map(({ seq }) => seq).join(', ')}`] : [],
      ),
    ],
    strange: [
      ...log.flatMap(({ seq }, index) => (seq === index + 1 ? [] : [`seq ${seq} stands at place ${index + 1}`])).slice(0, 1),
      ...[...byContent.keys()].filter((name) => !named.has(name)).map((name) => `nobody wrote ${name}`),
    ],
  };
}

/** Map.groupBy, which Node has from 21 on. */
function groupBy<T>(items: readonly T[], keyOf: (item: T) => string): ReadonlyMap<string, readonly T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const group = groups.get(keyOf(item));
    if (group === undefined) groups.set(keyOf(item), [item]);
    else group.push(item);
  }
  return groups;
}

const nameOf = (memoryId: MemoryId, content: string | null): string => `${memoryId} ${content}`;

function isLost({ write, events }: { readonly write: Write; readonly events: readonly LoggedEvent[] }): boolean {
  if (write.state === 'unknown') return false;
  return !events.some(
    ({ seq, device }) => (write.seq === null || seq === write.seq) && (write.device === null || device === write.device),
  );
}

function missingCounters(device: DeviceId, last: number, log: readonly LoggedEvent[]): readonly string[] {
  const present = new Set(log.filter((event) => event.device === device).map(({ counter }) => counter));
  return Array.from({ length: last }, (_, index) => index + 1)
    .filter((counter) => !present.has(counter))
    .map((counter) => `op ${counter} of device ${device}`);
}
