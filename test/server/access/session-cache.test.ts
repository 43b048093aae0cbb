import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import type { DeviceId, SessionId, UserId } from '../../../src/core/ids.ts';
import { createEndedSessions } from '../../../src/server/access/ended-sessions.ts';
import type { Principal } from '../../../src/server/access/principal.ts';
import { createSessionCache, type SessionCache } from '../../../src/server/access/session-cache.ts';

const userId = '00000000-0000-4000-8000-00000000000a' as UserId;
const other = '00000000-0000-4000-8000-00000000000b' as UserId;
const sessionId = '00000000-0000-4000-8000-0000000000c1' as SessionId;

const principalOf = (user: UserId, tokenExpiresAt = 1_000_000): Principal => ({
  userId: user,
  sessionId,
  device: { ordinal: 1, id: '00000000-0000-4000-8000-0000000000d1' as DeviceId },
  deviceName: 'Device 1',
  tokenExpiresAt,
});

describe('sessions that were good a moment ago', () => {
  const ended = createEndedSessions();
  let ms = 0;
  let cache: SessionCache;
  beforeEach(() => {
    ms = 0;
    cache = createSessionCache({ ended, now: () => ms, stopwatch: () => ms }, 1_000);
  });
  const keep = (token: string, user = userId): void => cache.keep(token, principalOf(user), cache.begin());

  it('[SYN-9] a token is taken without asking for one second from the moment the database was asked, and no longer', () => {
    const reading = cache.begin();
    // The answer itself took its time: that makes it older, not fresher.
    ms = 700;
    cache.keep('t', principalOf(userId), reading);
    ms = 999;
    expect(cache.find('t')).toEqual(principalOf(userId));
    ms = 1_000;
    expect(cache.find('t')).toBeNull();
  });

  it('[SYN-9] an expired token is not taken, however fresh', () => {
    cache.keep('t', principalOf(userId, 10), cache.begin());
    ms = 9;
    expect(cache.find('t')).not.toBeNull();
    ms = 10;
    expect(cache.find('t')).toBeNull();
  });

  it('[SYN-9] the end of a session is the end of what is kept of that user, here or elsewhere, and of nobody else', () => {
    for (const where of ['here', 'elsewhere'] as const) {
      keep('t');
      keep('u');
      keep('of another', other);
      ended.tell({ userId, sessionId }, where);
      expect([cache.find('t'), cache.find('u')]).toEqual([null, null]);
      expect(cache.find('of another')).not.toBeNull();
    }
  });

  it('[SYN-9] an answer that was under way when a session ended is not kept: it may be from before', () => {
    const reading = cache.begin();
    ended.tell({ userId, sessionId });
    cache.keep('t', principalOf(userId), reading);
    expect(cache.find('t')).toBeNull();
    keep('t');
    expect(cache.find('t')).not.toBeNull();
  });

  it('[house] with 0 nothing is kept', () => {
    cache = createSessionCache({ ended, now: () => ms, stopwatch: () => ms }, 0);
    keep('t');
    expect(cache.find('t')).toBeNull();
  });

  it('[SYN-9] whatever happens in whatever order: a session that ended is never found again by an answer from before', () => {
    const token = fc.constantFrom('a', 'b', 'c');
    const event = fc.oneof(
      fc.record({ kind: fc.constant('begin' as const), token }),
      fc.record({ kind: fc.constant('keep' as const), token }),
      fc.record({ kind: fc.constant('end' as const), token }),
      fc.record({ kind: fc.constant('pass' as const), token }),
    );
    fc.assert(
      fc.property(fc.array(event, { maxLength: 60 }), (events) => {
        ms = 0;
        const source = createEndedSessions();
        const subject = createSessionCache({ ended: source, now: () => ms, stopwatch: () => ms }, 1_000);
        const readings = new Map<string, { reading: ReturnType<SessionCache['begin']>; isAlive: boolean; at: number }>();
        const isAlive = new Map<string, boolean>();
        const readAt = new Map<string, number>();
        for (const { kind, token: name } of events) {
          if (kind === 'pass') ms += 400;
          if (kind === 'begin') readings.set(name, { reading: subject.begin(), isAlive: isAlive.get(name) ?? true, at: ms });
          if (kind === 'end') {
            isAlive.set(name, false);
            source.tell({ userId, sessionId });
          }
          const read = readings.get(name);
          if (kind === 'keep' && read?.isAlive === true) {
            subject.keep(name, principalOf(userId), read.reading);
            readAt.set(name, read.at);
          }
          for (const one of ['a', 'b', 'c']) {
            if (subject.find(one) === null) continue;
            expect(isAlive.get(one) ?? true).toBe(true);
            expect(ms - (readAt.get(one) ?? Number.NEGATIVE_INFINITY)).toBeLessThan(1_000);
          }
        }
      }),
    );
  });
});
