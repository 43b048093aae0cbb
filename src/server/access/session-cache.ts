/**
 * Tokens that were found good a moment ago, so that the next request with one waits for nobody. An entry is good for `ttlMs` from
 * the moment its row was asked for, whatever else happens: that bounds how long another node can take a token of an ended session
 * when the hint of its end is lost. Refusals are not kept.
 */
import { LRUCache } from 'lru-cache';
import type { UserId } from '../../core/ids.ts';
import type { EndedSessions } from './ended-sessions.ts';
import type { Principal } from './principal.ts';

export interface SessionCache {
  find(token: string): Principal | null;
  /** Before the database is asked. */
  begin(): Reading;
  /** What the database said. Nothing is kept when some session ended meanwhile: the answer may be from before. */
  keep(token: string, principal: Principal, reading: Reading): void;
}

export interface Reading {
  readonly startedAt: number;
  readonly endings: number;
}

export interface SessionCacheDeps {
  readonly ended: EndedSessions;
  /** Unix ms. */
  readonly now: () => number;
  /** Monotonic, ms. */
  readonly stopwatch: () => number;
}

/** About 1 KB each, with the token. */
const maxTokens = 10_000;

interface Entry {
  readonly principal: Principal;
  readonly goodUntil: number;
}

/** @param ttlMs 0: nothing is kept. */
export function createSessionCache({ ended, now, stopwatch }: SessionCacheDeps, ttlMs: number): SessionCache {
  const tokensByUser = new Map<UserId, Set<string>>();
  const entries = new LRUCache<string, Entry>({
    max: maxTokens,
    dispose: ({ principal: { userId } }, token) => {
      const tokens = tokensByUser.get(userId);
      tokens?.delete(token);
      if (tokens?.size === 0) tokensByUser.delete(userId);
    },
    // Putting a fresh entry in place of one is no reason to forget the token.
    noDisposeOnSet: true,
  });
  let endings = 0;
  // Whichever session of the user it was: the others are asked for again, once.
  ended.listen(({ userId }) => {
    endings++;
    for (const token of [...(tokensByUser.get(userId) ?? [])]) entries.delete(token);
  });
  return {
    find(token) {
      const entry = entries.get(token);
      if (entry === undefined || stopwatch() >= entry.goodUntil || now() >= entry.principal.tokenExpiresAt) return null;
      return entry.principal;
    },
    begin: () => ({ startedAt: stopwatch(), endings }),
    keep(token, principal, reading) {
      if (ttlMs === 0 || reading.endings !== endings) return;
      entries.set(token, { principal, goodUntil: reading.startedAt + ttlMs });
      const tokens = tokensByUser.get(principal.userId);
      if (tokens === undefined) tokensByUser.set(principal.userId, new Set([token]));
      else tokens.add(token);
    },
  };
}
