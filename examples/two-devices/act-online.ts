/** The first two acts: everybody meets, and both devices bring in what they know. */
import { randomUUID } from 'node:crypto';
import type { MemoryId } from '../../src/core/ids.ts';
import type { MemoryFields } from '../../src/core/memory.ts';
import { type Api, createApi, type Login } from './api.ts';
import { type Cast, type Credentials, connect, settle } from './cast.ts';
import type { Cleanup } from './cleanup.ts';
import type { Dataset } from './dataset.ts';
import { startDevice } from './device-handle.ts';
import { type Brought, toFirstChange } from './scenes.ts';
import { startServer } from './start-server.ts';
import { beside, type Terminal } from './terminal.ts';
import { describeSkew } from './wording.ts';

const hourMs = 3_600_000;
const laptopAheadMs = -3 * hourMs;
const phoneAheadMs = 48 * hourMs;

export function meet(terminal: Terminal, cleanup: Cleanup): Promise<Cast> {
  return terminal.step('A server, and two devices of one person, each a process of its own', async () => {
    const origin = await startServer(cleanup);
    const api = createApi(origin);
    const credentials = { email: 'someone@example.org', password: randomUUID() };
    const ofLaptop = await begin(api, '/auth/register', credentials, 'laptop');
    const ofPhone = await begin(api, '/auth/login', credentials, 'phone');
    const laptop = startDevice(cleanup, {
      name: 'laptop',
      id: ofLaptop.device.id,
      token: ofLaptop.token,
      aheadMs: laptopAheadMs,
    });
    const phone = startDevice(cleanup, { name: 'phone', id: ofPhone.device.id, token: ofPhone.token, aheadMs: phoneAheadMs });
    const cast = { terminal, api, credentials, laptop, phone };
    const lines = [beside('server', `${origin}, on a new and empty folder`)];
    for (const device of [laptop, phone]) {
      const { clockOffsetMs } = await connect(cast, device);
      const told = `the server told it in the handshake: ${signed(clockOffsetMs / 1_000)} s`;
      lines.push(beside(device.name, `process ${device.pid}, its clock is ${describeSkew(-clockOffsetMs)} (${told})`));
    }
    return { result: cast, lines };
  });
}

function begin(api: Api, path: '/auth/register' | '/auth/login', credentials: Credentials, name: string): Promise<Login> {
  return api.begin(path, { ...credentials, device: { name, platform: 'example' } });
}

const signed = (seconds: number): string =>
  `${seconds < 0 ? '−' : '+'}${Math.abs(seconds).toLocaleString('en', { maximumFractionDigits: 1 })}`;

export interface BroughtIn {
  readonly laptop: readonly Brought[];
  readonly phone: readonly Brought[];
}

export function bringIn(cast: Cast, dataset: Dataset): Promise<BroughtIn> {
  const { terminal, laptop, phone } = cast;
  return terminal.step(`Both bring in what they know: ${dataset.name}`, async () => {
    const brought = { laptop: dataset.laptop.map(withId), phone: dataset.phone.map(withId) };
    await Promise.all([laptop.ask('write', brought.laptop.map(toEdit)), phone.ask('write', brought.phone.map(toEdit))]);
    const held = await settle(cast);
    const kilobytes = (bytes: number): string => `${Math.round(bytes / 1_000)} kB`;
    const lines = ([laptop, phone] as const).map(({ name }) => {
      const who = name === 'laptop' ? 'laptop' : 'phone';
      const { memories, stateHash, wireBytes } = held[who];
      const own = `brings ${brought[who].length}, then holds ${memories}`;
      return beside(name, `${own}; state hash ${stateHash}; ${kilobytes(wireBytes)} over its socket`);
    });
    return { result: brought, lines };
  });
}

const withId = (fields: MemoryFields): Brought => ({ ...fields, id: randomUUID() as MemoryId });

const toEdit = (memory: Brought) => ({ memoryId: memory.id, change: toFirstChange(memory) });
