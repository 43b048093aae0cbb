/**
 * A message between nodes: `<node>|<stamp>|<kind>|<items>`. The stamp means something to its sender alone. Items are separated by
 * commas, their fields by colons. What cannot be read is passed over: a node of another version may say more.
 */
import { type DeviceId, parseId, type SessionId, type UserId } from '../../core/ids.ts';

/** A session, or a device in whatever session, or with neither everything of the user. */
export interface Ended {
  readonly userId: UserId;
  readonly sessionId?: SessionId;
  readonly deviceId?: DeviceId;
}

export type HintBody =
  /** Asks whether the channel works, and tells others that this node is there. */
  | { readonly kind: 'probe'; readonly shard: number }
  | { readonly kind: 'heads'; readonly heads: readonly (readonly [userId: UserId, head: number])[] }
  | { readonly kind: 'ended'; readonly ended: readonly Ended[] };

export interface HintMessage {
  readonly node: string;
  readonly stamp: number;
  readonly body: HintBody;
}

const letterByKind = { probe: 'p', heads: 'h', ended: 'e' } as const;

export function writeHint({ node, stamp, body }: HintMessage): string {
  return `${node}|${stamp}|${letterByKind[body.kind]}|${itemsOf(body)}`;
}

/** Bytes of a message besides its items, at most; and of one item, with its comma. */
export const hintBytes = { frame: 80, head: 36 + 1 + 16 + 1, ended: 36 * 3 + 2 + 1 } as const;

/** Null: not for us, or not of this version. */
export function readHint(text: string): HintMessage | null {
  const [node = '', stampText = '', letter, items, ...rest] = text.split('|');
  const stamp = Number(stampText);
  if (items === undefined || rest.length > 0 || node === '' || stampText === '' || !Number.isFinite(stamp)) return null;
  const body = readBody(letter, items);
  return body === null ? null : { node, stamp, body };
}

function itemsOf(body: HintBody): string {
  switch (body.kind) {
    case 'probe':
      return `${body.shard}`;
    case 'heads':
      return body.heads.map(([userId, head]) => `${userId}:${head}`).join(',');
    case 'ended':
      return body.ended.map(({ userId, sessionId = '', deviceId = '' }) => `${userId}:${sessionId}:${deviceId}`).join(',');
  }
}

function readBody(letter: string | undefined, items: string): HintBody | null {
  switch (letter) {
    case 'p': {
      const shard = toCount(items);
      return shard === null ? null : { kind: 'probe', shard };
    }
    case 'h':
      return { kind: 'heads', heads: items.split(',').flatMap((item) => readHead(item) ?? []) };
    case 'e':
      return { kind: 'ended', ended: items.split(',').flatMap((item) => readEnded(item) ?? []) };
    default:
      return null;
  }
}

function readHead(item: string): [readonly [UserId, number]] | null {
  const [id, headText = ''] = item.split(':');
  const [userId, head] = [parseId<UserId>(id), toCount(headText)];
  return userId === null || head === null ? null : [[userId, head]];
}

/** A field that is no id makes the whole item void: read as a wider one it would end more than was said. */
function readEnded(item: string): Ended | null {
  const [user, session = '', device = ''] = item.split(':');
  const [userId, sessionId, deviceId] = [parseId<UserId>(user), parseId<SessionId>(session), parseId<DeviceId>(device)];
  if (userId === null || (session !== '' && sessionId === null) || (device !== '' && deviceId === null)) return null;
  return { userId, ...(sessionId !== null && { sessionId }), ...(deviceId !== null && { deviceId }) };
}

function toCount(text: string): number | null {
  const value = Number(text);
  return /^\d{1,16}$/.test(text) && Number.isSafeInteger(value) ? value : null;
}
