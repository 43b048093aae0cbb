/** What the operations of access share. */
import type { Database } from '../infra/database.ts';
import type { AccessTokens } from './access-token.ts';
import type { EndedSessionsSource } from './ended-sessions.ts';

export interface AccessDeps {
  readonly db: Database;
  /** Unix ms. */
  readonly now: () => number;
  readonly tokens: AccessTokens;
  readonly ended: EndedSessionsSource;
  /** Life of an access token, ms. */
  readonly accessTokenMs: number;
  /** Life of a refresh token, and so of a session that is not used, ms. */
  readonly refreshTokenMs: number;
}
