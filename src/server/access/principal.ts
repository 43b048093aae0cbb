/** Who is asking: a session of a user on a device, proven by a token. */
import type { SessionId, UserId } from '../../core/ids.ts';
import type { Replica } from '../command/append-request.ts';

export interface Principal {
  readonly userId: UserId;
  readonly sessionId: SessionId;
  /** The device that the session was begun on. */
  readonly device: Replica;
  readonly deviceName: string;
  /** Unix ms. */
  readonly tokenExpiresAt: number;
}
