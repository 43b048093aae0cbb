/** Accounts, sessions, tokens and devices: what the edges ask of access. */
import type { DeviceId, UserId } from '../../core/ids.ts';
import type { Result } from '../../core/result.ts';
import type { Replica } from '../command/append-request.ts';
import type { Database } from '../infra/database.ts';
import type { AccessDeps } from './access-deps.ts';
import { createAccessTokens } from './access-token.ts';
import {
  type Account,
  type AccountCounts,
  changePassword,
  countOwned,
  readAccount,
  type Settings,
  writeSettings,
} from './account.ts';
import { type AuthenticationRefusal, authenticate } from './authenticate.ts';
import type { DeviceRefusal } from './claim-device.ts';
import type { Credentials, Login, WeakPassword } from './credentials.ts';
import { deleteUser } from './delete-user.ts';
import { type Device, listDevices, openReplica, revokeDevice, touchDevice } from './devices.ts';
import { endSessions } from './end-sessions.ts';
import { createEndedSessions, type EndedSession, type EndedSessions } from './ended-sessions.ts';
import { type EndedOpenSession, findEnded, type OpenSession } from './find-ended.ts';
import { type LoginRefusal, login } from './login.ts';
import type { Principal } from './principal.ts';
import { type RefreshRefusal, type Renewal, refresh } from './refresh.ts';
import { type RegisterRefusal, register } from './register.ts';
import { createSessionCache } from './session-cache.ts';

export type { Principal };

export interface Access {
  register(credentials: Credentials): Promise<Result<Login, RegisterRefusal>>;
  login(credentials: Credentials): Promise<Result<Login, LoginRefusal>>;
  refresh(refreshToken: string): Promise<Result<Renewal, RefreshRefusal>>;
  logout(principal: Principal): Promise<void>;
  /** Without asking anybody: who has shown this token within the last moment (SESSION_CACHE_MS). Null: not known, ask. */
  recognize(token: string): Principal | null;
  /** Asks the database each time, for what lasts: a socket. */
  authenticate(token: string): Promise<Result<Principal, AuthenticationRefusal>>;
  readAccount(userId: UserId): Promise<Account | null>;
  countOwned(userId: UserId): Promise<AccountCounts>;
  writeSettings(userId: UserId, settings: Settings): Promise<void>;
  changePassword(
    principal: Principal,
    passwords: { readonly current: string; readonly next: string },
  ): Promise<Result<void, WeakPassword | { readonly code: 'invalid_credentials' }>>;
  deleteUser(userId: UserId, password: string): Promise<Result<void, 'invalid_credentials'>>;
  listDevices(userId: UserId, page: { readonly after: number; readonly limit: number }): Promise<readonly Device[]>;
  revokeDevice(userId: UserId, id: DeviceId): Promise<Result<void, 'unknown_device'>>;
  /** For HELLO: the replica of this id, registered if it is new. Ask again to learn whether it was revoked since. */
  openReplica(principal: Principal, id: DeviceId): Promise<Result<Replica, DeviceRefusal>>;
  /** Last seen now, with the log applied up to `cursor`. */
  touchDevice(userId: UserId, ordinal: number, cursor: number): Promise<void>;
  /** Those of the sessions that ended, in whatever process. */
  findEnded(open: readonly OpenSession[]): Promise<readonly EndedOpenSession[]>;
  /** Sessions that ended, here or on another node that told of it. */
  readonly endedSessions: EndedSessions;
  /** Another node told of it. */
  endedElsewhere(ended: EndedSession): void;
}

export interface CreateAccessDeps {
  readonly db: Database;
  /** Unix ms. */
  readonly now: () => number;
  /** Monotonic, ms. */
  readonly stopwatch: () => number;
  /** Signs access tokens; at least 32 bytes. */
  readonly secret: Uint8Array;
}

export interface AccessOptions {
  readonly accessTokenMs: number;
  readonly refreshTokenMs: number;
  /** How long a token that was found good is taken without asking again, ms. */
  readonly sessionCacheMs: number;
}

export function createAccess(
  { db, now, stopwatch, secret }: CreateAccessDeps,
  { sessionCacheMs, ...options }: AccessOptions,
): Access {
  const ended = createEndedSessions();
  const cache = createSessionCache({ ended, now, stopwatch }, sessionCacheMs);
  const deps: AccessDeps = { db, now, tokens: createAccessTokens(secret, now), ended, ...options };
  return {
    register: (credentials) => register(deps, credentials),
    login: (credentials) => login(deps, credentials),
    refresh: (refreshToken) => refresh(deps, refreshToken),
    async logout({ userId, sessionId }) {
      await endSessions(db, userId, new Date(now()), { only: sessionId });
      ended.tell({ userId, sessionId });
    },
    recognize: (token) => cache.find(token),
    async authenticate(token) {
      const reading = cache.begin();
      const principal = await authenticate(deps, token);
      if (principal.ok) cache.keep(token, principal.value, reading);
      return principal;
    },
    readAccount: (userId) => readAccount(deps, userId),
    countOwned: (userId) => countOwned(deps, userId),
    writeSettings: (userId, settings) => writeSettings(deps, userId, settings),
    changePassword: (principal, passwords) => changePassword(deps, principal, passwords),
    deleteUser: (userId, password) => deleteUser(deps, userId, password),
    listDevices: (userId, page) => listDevices(deps, userId, page),
    revokeDevice: (userId, id) => revokeDevice(deps, userId, id),
    openReplica: (principal, id) => openReplica(deps, principal, id),
    touchDevice: (userId, ordinal, cursor) => touchDevice(deps, userId, ordinal, cursor),
    findEnded: (open) => findEnded(deps, open),
    endedSessions: ended,
    endedElsewhere: (elsewhere) => ended.tell(elsewhere, 'elsewhere'),
  };
}
