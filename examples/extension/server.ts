/** What the extension asks of the server beside syncing, which the client does by itself. */
import type { Account } from './account.ts';

/** The server refused. `code` is stable, `message` is for people (RFC 9457). */
export class Refused extends Error {
  override readonly name = 'Refused';
  readonly status: number;
  readonly code: string;

  constructor(status: number, code: string, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

export interface Credentials {
  readonly email: string;
  readonly password: string;
}

export interface Tokens {
  readonly token: string;
  readonly tokenExpiresAt: string;
  readonly refreshToken: string;
}

type LoginAnswer = Tokens & Pick<Account, 'user' | 'device'>;

/** @param deviceId of the device that this install was before, if it was one of this user's. */
export async function logIn(
  server: string,
  path: 'login' | 'register',
  credentials: Credentials,
  deviceId: string | undefined,
): Promise<Account> {
  const device = { ...(deviceId !== undefined && { id: deviceId }), name: deviceName(), platform: 'extension' };
  const answer = await call<LoginAnswer>(server, 'POST', `/auth/${path}`, { body: { ...credentials, device } });
  const { user, device: known, token, tokenExpiresAt, refreshToken } = answer;
  return {
    server,
    user: { id: user.id, email: user.email },
    device: { id: known.id, name: known.name },
    token,
    tokenExpiresAt,
    refreshToken,
  };
}

export async function renewTokens({ server, refreshToken }: Account): Promise<Tokens> {
  const {
    token,
    tokenExpiresAt,
    refreshToken: next,
  } = await call<Tokens>(server, 'POST', '/auth/refresh', { body: { refreshToken } });
  return { token, tokenExpiresAt, refreshToken: next };
}

export async function endSession({ server, token }: Account): Promise<void> {
  await call(server, 'POST', '/auth/logout', { token });
}

/** When each event of a memory was accepted: its seq → ISO 8601. */
export async function readEventTimes({ server, token }: Account, memoryId: string): Promise<ReadonlyMap<number, string>> {
  const { events } = await call<{ events: readonly { seq: number; at: string }[] }>(
    server,
    'GET',
    `/memories/${memoryId}/history`,
    {
      token,
    },
  );
  return new Map(events.map(({ seq, at }) => [seq, at]));
}

interface CallOptions {
  readonly token?: string;
  readonly body?: unknown;
}

/** @throws Refused, or TypeError when there is no way to the server. */
async function call<Answer>(server: string, method: string, path: string, { token, body }: CallOptions): Promise<Answer> {
  const response = await fetch(`${server}/api/v1${path}`, {
    method,
    headers: {
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
      ...(body !== undefined && { 'content-type': 'application/json' }),
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
    signal: AbortSignal.timeout(requestMs),
  });
  if (response.ok) return (response.status === 204 ? undefined : await response.json()) as Answer;
  const problem = (await response.json().catch(() => ({}))) as { code?: string; detail?: string; errors?: { message: string }[] };
  const detail = problem.errors?.[0]?.message ?? problem.detail ?? `The server answered ${response.status}.`;
  throw new Refused(response.status, problem.code ?? `http_${response.status}`, detail);
}

const requestMs = 15_000;

/** `Chrome on Linux` */
function deviceName(): string {
  const { userAgentData } = navigator as Navigator & {
    readonly userAgentData?: { readonly platform: string; readonly brands: readonly { readonly brand: string }[] };
  };
  const brand = userAgentData?.brands.map((known) => known.brand).find((name) => !/Not.*Brand/i.test(name)) ?? 'Browser';
  return `${brand} on ${userAgentData?.platform || 'this computer'}`;
}
