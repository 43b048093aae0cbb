/** Refresh tokens, `<user>.<session>.<secret>`: the ids find the rows, the secret is 256 random bits. Only hashes are stored. */
import { randomBytes } from 'node:crypto';
import { parseId, type SessionId, type UserId } from '../../core/ids.ts';
import { sha256 } from '../infra/bytes.ts';

export interface RefreshToken {
  readonly userId: UserId;
  readonly sessionId: SessionId;
  readonly hash: Uint8Array;
}

export function newRefreshToken(userId: UserId, sessionId: SessionId): RefreshToken & { readonly text: string } {
  const text = `${userId}.${sessionId}.${randomBytes(32).toString('base64url')}`;
  return { userId, sessionId, text, hash: hashOf(text) };
}

/** Null when it cannot be one. */
export function parseRefreshToken(text: string): RefreshToken | null {
  const [user, session, secret, ...more] = text.split('.', 4);
  const userId = parseId<UserId>(user);
  const sessionId = parseId<SessionId>(session);
  if (userId === null || sessionId === null || secret?.length !== 43 || more.length > 0) return null;
  return { userId, sessionId, hash: hashOf(text) };
}

const hashOf = (text: string): Uint8Array => sha256(Buffer.from(text));
