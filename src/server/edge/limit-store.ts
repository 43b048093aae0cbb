/**
 * Where @fastify/rate-limit counts: in Redis for all nodes together, and always here too. While Redis is down the counts of this
 * process stand alone, so no request fails for it, and nobody who had used up a limit here gets a new one.
 */
import type { FastifyRateLimitStore, FastifyRateLimitStoreCtor } from '@fastify/rate-limit';
import { LRUCache } from 'lru-cache';

/** Addresses that are remembered at a time. */
const maxAddresses = 100_000;

interface Counted {
  readonly count: number;
  readonly endsAt: number;
}

/** Counts for all nodes together. */
export interface SharedCounter {
  readonly isUp: boolean;
  /** Adds one to a counter that ends `windowMs` after its first. @throws Error when there is no answer in time. */
  count(key: string, windowMs: number): Promise<{ readonly count: number; readonly leftMs: number }>;
}

interface LimitStoreDeps {
  readonly redis: SharedCounter;
  /** Begins every key. */
  readonly prefix: string;
  /** Monotonic, ms. */
  readonly stopwatch: () => number;
}

export function createLimitStore(deps: LimitStoreDeps): FastifyRateLimitStoreCtor {
  return class Store implements FastifyRateLimitStore {
    readonly #local = new LRUCache<string, Counted>({ max: maxAddresses });
    readonly #name: string;

    constructor(options: object) {
      this.#name = 'routeInfo' in options ? nameOf(options.routeInfo) : '';
    }

    incr(key: string, callback: Parameters<FastifyRateLimitStore['incr']>[1], windowMs = 60_000): void {
      const here = this.#countHere(key, windowMs);
      if (!deps.redis.isUp) return callback(null, here);
      deps.redis.count(`${deps.prefix}rate:${this.#name}:${key}`, windowMs).then(
        ({ count, leftMs }) => callback(null, count >= here.current ? { current: count, ttl: leftMs } : here),
        () => callback(null, here),
      );
    }

    child(options: object): FastifyRateLimitStore {
      return new Store(options);
    }

    #countHere(key: string, windowMs: number): { readonly current: number; readonly ttl: number } {
      const now = deps.stopwatch();
      const before = this.#local.get(key);
      const { count, endsAt } = before === undefined || before.endsAt <= now ? { count: 0, endsAt: now + windowMs } : before;
      this.#local.set(key, { count: count + 1, endsAt });
      return { current: count + 1, ttl: endsAt - now };
    }
  };
}

/** A limit counts for its route alone. */
function nameOf(routeInfo: unknown): string {
  const { method, url } = routeInfo as { readonly method?: string; readonly url?: string };
  return `${method ?? ''}${url ?? ''}`;
}
