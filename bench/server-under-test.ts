/** AIBrain Server, started as anybody starts it. */
import { randomUUID } from 'node:crypto';
import type { DeviceId } from '../src/core/ids.ts';
import { type ClientDevice, type ClientDeviceOptions, openClientDevice } from './client-device.ts';
import type { Contestant, SyncServer, SyncUser } from './contestant.ts';
import { type FrameDevice, type FrameDeviceOptions, openFrameDevice } from './frame-device.ts';
import { type Place, placeToEnv } from './place.ts';
import { startServer } from './server-process.ts';

export interface ServerOptions {
  /** Path of the script. */
  readonly script: string;
  /** Flags of Node for the server's process, e.g. `--cpu-prof`. */
  readonly nodeArgs: readonly string[];
}

export interface OurUser extends SyncUser {
  readonly token: string;
  /** A request under /api/v1. @throws Error with what was answered, where that is no success. */
  send<Answer>(method: string, path: string, body?: object): Promise<Answer>;
  /** @param device Default: a new one. */
  openDevice(options?: FrameDeviceOptions, device?: DeviceId): Promise<FrameDevice>;
  /** The real client on a new device. */
  openClient(options?: ClientDeviceOptions): Promise<ClientDevice>;
  /** `GET /api/v1/memories`, as a caller of the REST API sees it. */
  listMemories(limit: number): Promise<readonly unknown[]>;
  /** What a search finds. */
  search(query: string): Promise<readonly unknown[]>;
}

export type OurServer = SyncServer<OurUser>;

const password = 'a password of the benchmark 2f6b';

export function createServerUnderTest({ script, nodeArgs }: ServerOptions): Contestant<OurUser> {
  return {
    name: 'ours',
    start: async (cleanup, place) => {
      const { url, pid, stop } = await startServer(cleanup, { script, nodeArgs, env: toEnv(place) });
      return {
        pid,
        url,
        stop,
        register: (name) => authenticate(url, 'register', name),
        signIn: (name) => authenticate(url, 'login', name),
      };
    },
  };
}

function toEnv(place: Place): Record<string, string> {
  const secret = randomUUID() + randomUUID();
  // Tokens outlive the run: logging in costs a password hash, which nobody wants to measure here.
  const quiet = { RATE_LIMIT: 'off', LOG_LEVEL: 'warn', ACCESS_TOKEN_MINUTES: '1440' };
  return { ...placeToEnv(place), ...quiet, HOST: '127.0.0.1', PORT: '0', JWT_SECRET: secret };
}

async function authenticate(url: string, how: 'register' | 'login', name: string): Promise<OurUser> {
  const body = { email: `${name}@bench.example`, password };
  const { token } = await call<{ token: string }>(`${url}/api/v1/auth/${how}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  return {
    token,
    send: (method, path, body) =>
      call(`${url}/api/v1${path}`, {
        method,
        headers: { authorization: `Bearer ${token}`, ...(body !== undefined && { 'content-type': 'application/json' }) },
        ...(body !== undefined && { body: JSON.stringify(body) }),
      }),
    openClient: (options = {}) => openClientDevice({ url, token }, options),
    openDevice: (options = {}, device = randomUUID() as string as DeviceId) => openFrameDevice({ url, token, device }, options),
    listMemories: async (limit) => {
      const headers = { authorization: `Bearer ${token}` };
      return (await call<{ memories: unknown[] }>(`${url}/api/v1/memories?limit=${limit}`, { headers })).memories;
    },
    search: async (query) => {
      const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
      const request = { method: 'POST', headers, body: JSON.stringify({ query }) };
      return (await call<{ results: unknown[] }>(`${url}/api/v1/memories/search`, request)).results;
    },
  };
}

/** @throws Error with what was answered, where that is no success. */
export async function call<Answer>(url: string, request: RequestInit): Promise<Answer> {
  const response = await fetch(url, request);
  if (!response.ok)
    throw new Error(`${request.method ?? 'GET'} ${new URL(url).pathname}: ${response.status} ${await response.text()}`);
  return (await response.json()) as Answer;
}
