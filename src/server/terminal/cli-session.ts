/** A session of the command line with a running server, by e-mail and password; it ends with the command. */
import { hostname, userInfo } from 'node:os';
import { v5 } from 'uuid';
import { callServer } from './call-server.ts';

export interface CliSession {
  /** Valid for minutes yet, however long the command runs. */
  token(): Promise<string>;
  end(): Promise<void>;
}

export interface CliLogin {
  readonly url: string;
  readonly email: string;
  readonly password: string;
}

interface Tokens {
  readonly token: string;
  readonly tokenExpiresAt: string;
  readonly refreshToken: string;
}

/** Renewed when less of it is left, ms. */
const renewBeforeMs = 300_000;

/** @param now Unix ms. */
export async function openCliSession({ url, email, password }: CliLogin, now: () => number): Promise<CliSession> {
  const post = async (path: string, body: object): Promise<Tokens> => {
    const init = { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) };
    return (await (await callServer({ url, path, init })).json()) as Tokens;
  };
  let tokens = await post('/auth/login', { email, password, device: thisDevice() });
  const token = async (): Promise<string> => {
    if (Date.parse(tokens.tokenExpiresAt) - now() < renewBeforeMs)
      tokens = await post('/auth/refresh', { refreshToken: tokens.refreshToken });
    return tokens.token;
  };
  return {
    token,
    async end() {
      await callServer({ url, path: '/auth/logout', token: await token(), init: { method: 'POST' } });
    },
  };
}

const deviceNamespace = '8f5b7a70-6a0f-4d3c-8b52-0c1f3b1d9a64';

/** The same for everybody who calls from this account of this machine: a command a day is not a device a day. */
function thisDevice() {
  const { username } = userInfo();
  const host = hostname();
  return { id: v5(`${username}@${host}`, deviceNamespace), name: `aibrain on ${host}`.slice(0, 64), platform: 'cli' };
}
