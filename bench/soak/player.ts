/** One user of the soak: a script and some devices that work on the same memories, and what of it has to be true afterwards. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { DeviceId, MemoryId } from '../../src/core/ids.ts';
import { stateHashToString } from '../../src/core/state-hash.ts';
import { deflatedBytes, unpackServerFrame } from '../../src/protocol/binary-codec.ts';
import { type Audit, auditLog, type LoggedEvent } from './audit.ts';
import { openSoakDevice, type SoakDevice } from './device-worker.ts';
import { createLedger, type Ledger } from './ledger.ts';
import type { Observations } from './observations.ts';
import { runRestWorker } from './rest-worker.ts';
import { type Ask, openSession, type Session } from './session.ts';

export interface Player {
  readonly session: Session;
  readonly ledger: Ledger;
  readonly devices: readonly SoakDevice[];
  /** Works until the signal says to stop. */
  run(signal: AbortSignal): Promise<void>;
  /** Resolves when all devices have sent and seen everything; asks them to be quick. Rejects after `limitMs`. */
  settle(limitMs: number): Promise<void>;
  check(): Promise<PlayerVerdict>;
  close(): Promise<void>;
}

export interface PlayerVerdict extends Audit {
  readonly events: number;
  /** What differs between the devices, or between them and the server. */
  readonly diverged: readonly string[];
}

export interface PlayerSpec {
  readonly url: string;
  readonly email: string;
  readonly devices: number;
  readonly seed: number;
}

const askEveryMs = 500;

export async function createPlayer(
  ask: Ask,
  observations: Observations,
  { url, email, devices: count, seed }: PlayerSpec,
): Promise<Player> {
  const session = await openSession(ask, email);
  const ledger = createLedger();
  const devices: SoakDevice[] = [];
  for (let i = 0; i < count; i++) devices.push(await openSoakDevice({ url, session, ledger, observations }, seed * 100 + i));
  return {
    session,
    ledger,
    devices,
    run: async (signal) => {
      const works = [
        runRestWorker({ ask, session, ledger, observations }, seed, signal),
        ...devices.map((device) => device.run(signal)),
      ];
      await Promise.all(works);
    },
    settle: async (limitMs) => {
      for (const { client } of devices) client.syncNow();
      const until = performance.now() + limitMs;
      while (!(await isInStep(ask, session, devices))) {
        if (performance.now() < until) await sleep(askEveryMs);
        else throw new Error(`not in step after ${limitMs} ms: ${JSON.stringify(devices.map(({ client }) => client.status))}`);
      }
    },
    check: () => check(ask, session, ledger, devices),
    close: async () => {
      for (const { client } of devices) await client.close();
    },
  };
}

/** Each device has sent everything, and is where the log ends. */
async function isInStep(ask: Ask, session: Session, devices: readonly SoakDevice[]): Promise<boolean> {
  if (devices.some(({ client: { status } }) => status.outbox > 0 || status.state !== 'live')) return false;
  const { body } = await ask('GET', '/audit/verify', { token: await session.token() });
  return devices.every(({ place }) => place.disk.content.meta?.cursor === body['head']);
}

async function check(ask: Ask, session: Session, ledger: Ledger, devices: readonly SoakDevice[]): Promise<PlayerVerdict> {
  const { events, hash } = await readLog(ask, session);
  const counters = new Map(
    devices.map(({ client, place }) => [client.device, place.disk.content.meta?.lastCounter ?? 0] as const),
  );
  const audit = auditLog({ writes: ledger.writes, deleted: ledger.deleted, counters }, events);
  return { ...audit, events: events.length, diverged: differencesOf(devices, { head: events.length, hash }) };
}

function differencesOf(
  devices: readonly SoakDevice[],
  server: { readonly head: number; readonly hash: string },
): readonly string[] {
  const [first] = devices.map(rowsOf);
  return devices.flatMap((device) => {
    const { meta } = device.place.disk.content;
    const name = `device ${device.client.device}`;
    const [cursor, hash] = [meta?.cursor ?? -1, meta === null ? '' : stateHashToString(meta.stateHash)];
    const { resets, repairs, outbox } = device.client.status;
    return [
      ...(cursor === server.head ? [] : [`${name} is at ${cursor}, the server at ${server.head}`]),
      ...(hash === server.hash ? [] : [`${name} has the state hash ${hash}, the server ${server.hash}`]),
      ...(rowsOf(device) === first ? [] : [`${name} has other rows than the first one`]),
      // A server that forgot something would begin the device anew, and all would agree on the loss.
      ...(resets + repairs + outbox === 0 ? [] : [`${name}: ${resets} resets, ${repairs} repairs, ${outbox} ops left`]),
      ...device.client.rejected().map(({ code, op }) => `${name}: op ${op.counter} was rejected: ${code}`),
    ];
  });
}

const rowsOf = ({ place }: SoakDevice): string =>
  JSON.stringify([...place.disk.content.rows.values()].sort((a, b) => (a.id < b.id ? -1 : 1)));

interface PatchStep {
  readonly op: string;
  readonly path: string;
  readonly value?: unknown;
}

interface EventPage {
  readonly events: readonly {
    readonly seq: number;
    readonly device: DeviceId;
    readonly counter: number;
    readonly memoryId: MemoryId;
    readonly patch?: readonly PatchStep[];
  }[];
  readonly cursor: string;
  readonly done: boolean;
}

/** The whole log over HTTP, and the server's state hash at its head. */
async function readLog(ask: Ask, session: Session): Promise<{ readonly events: readonly LoggedEvent[]; readonly hash: string }> {
  const events: LoggedEvent[] = [];
  for (let cursor = ''; ; ) {
    const path = `/memories/sync/updates?form=events&limit=1000${cursor === '' ? '' : `&cursor=${encodeURIComponent(cursor)}`}`;
    const { status, body } = await ask('GET', path, { token: await session.token() });
    if (status !== 200) throw new Error(`the log cannot be read: ${status} ${JSON.stringify(body)}`);
    const page = body as unknown as EventPage;
    for (const { patch = [], ...event } of page.events) events.push({ ...event, ...readPatch(patch) });
    cursor = page.cursor;
    if (page.done) return { events, hash: await readHash(ask, session, cursor) };
  }
}

function readPatch(patch: readonly PatchStep[]): Pick<LoggedEvent, 'content' | 'deletes'> {
  const content = patch.find(({ op, path }) => op !== 'remove' && path === '/content')?.value;
  const deletes = patch.some(({ path, value }) => path === '/deleted' && value === true);
  return { content: typeof content === 'string' ? content : null, deletes };
}

async function readHash(ask: Ask, session: Session, cursor: string): Promise<string> {
  const path = `/memories/sync/updates?cursor=${encodeURIComponent(cursor)}`;
  const { bytes } = await ask('GET', path, { token: await session.token(), accept: 'application/msgpack' });
  const frame = deflatedBytes(bytes) === null ? unpackServerFrame(bytes) : null;
  if (frame?.type !== 'DELTA' || frame.hash === undefined) throw new Error('the server tells no state hash');
  return frame.hash;
}
