/** The session of one user, as an app keeps it: access tokens of a minute, refreshed in time, and a login when that fails. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Observations } from './observations.ts';

export interface Answer {
  /** Null: there was none. */
  readonly status: number | null;
  readonly body: Readonly<Record<string, unknown>>;
  readonly bytes: Uint8Array;
}

export interface SoakRequest {
  readonly token?: string;
  readonly json?: unknown;
  /** In place of `json`. */
  readonly ndjson?: string;
  readonly accept?: string;
}

export type Ask = (method: string, path: string, request?: SoakRequest) => Promise<Answer>;

const requestMs = 30_000;

/** Every request of the soak, under /api/v1, counted by its method and the form of its path. */
export function createAsk(url: string, observations: Pick<Observations, 'answer'>): Ask {
  return async (method, path, { token, json, ndjson, accept } = {}) => {
    const what = `${method} ${(path.split('?')[0] ?? path).replace(/[0-9a-f]{8}-[0-9a-f-]{27}/, ':id')}`;
    const type = json !== undefined ? 'application/json' : ndjson !== undefined ? 'application/x-ndjson' : undefined;
    const headers = {
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
      ...(type !== undefined && { 'content-type': type }),
      ...(accept !== undefined && { accept }),
    };
    const body = json !== undefined ? JSON.stringify(json) : ndjson;
    const init = { method, headers, signal: AbortSignal.timeout(requestMs), ...(body !== undefined && { body }) };
    try {
      const response = await fetch(`${url}/api/v1${path}`, init);
      const bytes = new Uint8Array(await response.arrayBuffer());
      observations.answer(what, response.status);
      const isJson = bytes.length > 0 && /json/.test(response.headers.get('content-type') ?? '');
      return { status: response.status, body: isJson ? JSON.parse(Buffer.from(bytes).toString()) : {}, bytes };
    } catch {
      observations.answer(what, null);
      return { status: null, body: {}, bytes: new Uint8Array() };
    }
  };
}

export interface Session {
  /** One that is good for a while. */
  token(): Promise<string>;
  /** The last one was refused: another one. */
  renewed(): Promise<string>;
  readonly counts: { refreshes: number; logins: number };
}

interface Tokens {
  readonly token: string;
  readonly refreshToken: string;
  /** Unix ms. */
  readonly expiresAt: number;
}

/** Before a token's end, ms. */
const earlyMs = 20_000;
const retryMs = 300;
const password = 'a long passphrase of the soak';

export async function openSession(ask: Ask, email: string): Promise<Session> {
  const counts = { refreshes: 0, logins: 0 };
  const credentials = { email, password };
  const first = await untilAnswered(() => ask('POST', '/auth/register', { json: credentials }));
  // The answer to a registration may be lost as any other.
  let tokens = first.status === 201 ? toTokens(first) : await logIn();
  let renewing: Promise<void> | null = null;

  async function logIn(): Promise<Tokens> {
    counts.logins++;
    const answer = await untilAnswered(() => ask('POST', '/auth/login', { json: credentials }));
    if (answer.status !== 200) throw new Error(`login: ${answer.status} ${JSON.stringify(answer.body)}`);
    return toTokens(answer);
  }
  async function renew(): Promise<void> {
    counts.refreshes++;
    const answer = await untilAnswered(() => ask('POST', '/auth/refresh', { json: { refreshToken: tokens.refreshToken } }));
    // A lost answer has used the token up: the server takes the second use for a theft, and ends the session.
    tokens = answer.status === 200 ? toTokens(answer) : await logIn();
  }
  const renewOnce = (): Promise<void> => {
    renewing ??= renew().finally(() => {
      renewing = null;
    });
    return renewing;
  };
  return {
    counts,
    token: async () => {
      if (Date.now() > tokens.expiresAt - earlyMs) await renewOnce();
      return tokens.token;
    },
    renewed: async () => {
      await renewOnce();
      return tokens.token;
    },
  };
}

/** Again while there is no answer, or one that says to come back. */
async function untilAnswered(ask: () => Promise<Answer>): Promise<Answer> {
  for (;;) {
    const answer = await ask();
    if (answer.status !== null && answer.status < 500 && answer.status !== 429) return answer;
    await sleep(retryMs);
  }
}

function toTokens({ body }: Answer): Tokens {
  return {
    token: String(body['token']),
    refreshToken: String(body['refreshToken']),
    expiresAt: Date.parse(String(body['tokenExpiresAt'])),
  };
}
