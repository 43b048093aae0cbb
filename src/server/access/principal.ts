/** Who is asking: a session of a user on a device, proven by a token or an API key. */
import type { SessionId, UserId } from '../../core/ids.ts';
import type { Replica } from '../command/append-request.ts';
import type { Scope } from './scopes.ts';

export interface Principal {
  readonly userId: UserId;
  readonly sessionId: SessionId;
  /** The device that the session was begun on. */
  readonly device: Replica;
  readonly deviceName: string;
  /** Unix ms. */
  readonly tokenExpiresAt: number;
  readonly scopes: readonly Scope[];
  /** Then sessionId is the key's, and there is nobody who logged in. */
  readonly isApiKey: boolean;
}
