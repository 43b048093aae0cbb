/**
 * The users that checks work with. The kit registers them itself, and hands one from check to check: servers limit how often
 * one address may register. So a check finds a log of any length, and nobody else writes to it meanwhile.
 */
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { DeviceId } from '../src/core/ids.ts';
import { CheckFailure, show } from './expect.ts';
import type { HttpClient } from './http-client.ts';

export interface KitUser {
  readonly email: string;
  readonly password: string;
  readonly token: string;
  /** Unix ms. */
  readonly tokenExpiresAt: number;
  readonly refreshToken: string;
  /** The device of the session. */
  readonly device: DeviceId;
}

export interface Users {
  /** Nobody else's until it is given back. */
  borrow(): Promise<KitUser>;
  giveBack(user: KitUser): void;
  /** One whose log is empty. */
  register(): Promise<KitUser>;
  /** Another session of the user, on a device of its own. */
  login(user: KitUser): Promise<KitUser>;
  /** The same session with a new token. */
  refresh(user: KitUser): Promise<KitUser>;
}

export interface UsersOptions {
  /** Told when the server wants the kit to wait. */
  readonly onWait: (seconds: number) => void;
}

/** A longer wait than this is no rate limit that the kit could sit out, s. */
const longestWaitSeconds = 120;
/** A token with less left than this is renewed before a check gets it, ms. */
const renewBeforeMs = 30_000;

export function createUsers(http: HttpClient, { onWait }: UsersOptions): Users {
  const idle: KitUser[] = [];
  const enter = async (path: string, body: object, known: Pick<KitUser, 'email' | 'password'>): Promise<KitUser> => {
    const answer = (await sendPatiently(http, path, body, onWait)) as Session & { device: { id: DeviceId } };
    return { ...known, ...sessionOf(answer), device: answer.device.id };
  };
  const users: Users = {
    async borrow() {
      const user = idle.pop();
      if (user === undefined) return await users.register();
      return user.tokenExpiresAt < Date.now() + renewBeforeMs ? await users.refresh(user) : user;
    },
    giveBack: (user) => void idle.push(user),
    async register() {
      const known = { email: `conformance-${randomUUID()}@example.org`, password: `a passphrase ${randomUUID()}` };
      return await enter('/auth/register', known, known);
    },
    async login({ email, password }) {
      const body = { email, password, device: { id: randomUUID(), name: 'conformance' } };
      return await enter('/auth/login', body, { email, password });
    },
    async refresh(user) {
      const answer = await sendPatiently(http, '/auth/refresh', { refreshToken: user.refreshToken }, onWait);
      return { ...user, ...sessionOf(answer as Session) };
    },
  };
  return users;
}

interface Session {
  readonly token: string;
  readonly tokenExpiresAt: string;
  readonly refreshToken: string;
}

function sessionOf({ token, tokenExpiresAt, refreshToken }: Session) {
  return { token, tokenExpiresAt: Date.parse(tokenExpiresAt), refreshToken };
}

async function sendPatiently(http: HttpClient, path: string, body: object, onWait: UsersOptions['onWait']): Promise<unknown> {
  for (;;) {
    const { status, headers, json } = await http.send('POST', path, { body });
    if (status === 200 || status === 201) return json;
    const seconds = Number(headers.get('retry-after') ?? Number.NaN);
    if (status !== 429 || !(seconds >= 0 && seconds <= longestWaitSeconds)) {
      throw new CheckFailure(`expected POST ${path} to be answered by a session, got ${status} ${show(json)}`);
    }
    onWait(seconds);
    await sleep(1_000 * seconds + 100);
  }
}
