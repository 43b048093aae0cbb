/** What the operations of access share. */
import type { Database } from '../infra/database.ts';
import type { AccessTokens } from './access-token.ts';
import type { EndedSessionsSource } from './ended-sessions.ts';
import type { LoginAttempts } from './login-attempts.ts';
import type { Passwords } from './passwords.ts';

export interface AccessDeps {
  readonly db: Database;
  /** Unix ms. */
  readonly now: () => number;
  readonly tokens: AccessTokens;
  readonly ended: EndedSessionsSource;
  readonly passwords: Passwords;
  readonly attempts: LoginAttempts;
  /** Life of an access token, ms. */
  readonly accessTokenMs: number;
  /** Life of a refresh token, and so of a session that is not used, ms. */
  readonly refreshTokenMs: number;
}
