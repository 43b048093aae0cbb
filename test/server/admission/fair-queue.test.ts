import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createDrainRate } from '../../../src/server/admission/drain-rate.ts';
import {
  createFairQueue,
  type FairQueue,
  type FairQueueLimits,
  type RefusalKind,
} from '../../../src/server/admission/fair-queue.ts';

const small: FairQueueLimits = { running: 2, runningOfOne: 1, waiting: 6, waitingOfOne: 3, waitMs: 1_000 };

/** A queue, its clock, and what became of each who came. */
class Scene {
  now = 0;
  readonly #timers = new Set<{ readonly at: number; readonly callback: () => void }>();
  readonly queue: FairQueue;
  readonly started: string[] = [];
  readonly refused: { readonly name: string; readonly kind: RefusalKind; readonly retryAfterSeconds: number }[] = [];
  readonly leaveByName = new Map<string, () => void>();
  readonly cancelByName = new Map<string, () => void>();

  constructor(limits: FairQueueLimits = small) {
    const setTimer = (callback: () => void, ms: number) => {
      const timer = { at: this.now + ms, callback };
      this.#timers.add(timer);
      return () => void this.#timers.delete(timer);
    };
    this.queue = createFairQueue({ rate: createDrainRate(() => this.now), setTimer }, limits);
  }

  get timers(): number {
    return this.#timers.size;
  }

  enter(key: string, name = key): void {
    const cancel = this.queue.enter(key, {
      admitted: (leave) => {
        this.started.push(name);
        this.leaveByName.set(name, leave);
      },
      refused: (refusal) => this.refused.push({ name, ...refusal }),
    });
    this.cancelByName.set(name, cancel);
  }

  leave(name: string): void {
    this.leaveByName.get(name)?.();
  }

  pass(ms: number): void {
    this.now += ms;
    for (const timer of [...this.#timers]) {
      if (timer.at > this.now || !this.#timers.delete(timer)) continue;
      timer.callback();
    }
  }
}

describe('the fair queue', () => {
  it('[SEC-16] turns go round: who comes later with one is before the second of who came with many', () => {
    const scene = new Scene({ ...small, running: 1 });
    for (const name of ['a1', 'a2', 'a3', 'b1', 'c1', 'b2']) scene.enter(name.charAt(0), name);
    const turns = ['a1', 'b1', 'c1', 'a2', 'b2', 'a3'];
    for (const name of turns) scene.leave(name);
    expect(scene.started).toEqual(turns);
  });

  it('[SEC-16] who is at the own limit waits, and holds up nobody', () => {
    const scene = new Scene();
    for (const name of ['a1', 'a2', 'b1']) scene.enter(name.charAt(0), name);
    expect(scene.started).toEqual(['a1', 'b1']);
    scene.leave('b1');
    expect(scene.started).toEqual(['a1', 'b1']);
    scene.enter('c');
    expect(scene.started).toEqual(['a1', 'b1', 'c']);
    scene.leave('a1');
    expect(scene.started).toEqual(['a1', 'b1', 'c', 'a2']);
  });

  it('[SEC-16] what does not fit is refused at once: of one, then of everybody', () => {
    const scene = new Scene();
    for (let i = 0; i < 5; i++) scene.enter('a', `a${i}`);
    expect(scene.refused).toEqual([{ name: 'a4', kind: 'own_full', retryAfterSeconds: 1 }]);
    for (const key of ['b', 'c', 'd', 'e', 'f']) scene.enter(key);
    expect(scene.started).toEqual(['a0', 'b']);
    expect(scene.refused.at(-1)).toEqual({ name: 'f', kind: 'full', retryAfterSeconds: 1 });
    expect(scene.queue).toMatchObject({ running: 2, waiting: 6 });
  });

  it('[SEC-16] who has waited long enough is told so, and has left the queue', () => {
    const scene = new Scene({ ...small, running: 1 });
    scene.enter('a');
    scene.enter('b');
    scene.pass(999);
    scene.enter('c');
    scene.pass(1);
    expect(scene.refused).toMatchObject([{ name: 'b', kind: 'late' }]);
    scene.leave('a');
    expect(scene.started).toEqual(['a', 'c']);
    expect(scene.timers).toBe(0);
  });

  it('[SEC-16] who leaves the queue takes no turn, and who has one cannot be taken out', () => {
    const scene = new Scene({ ...small, running: 1 });
    for (const key of ['a', 'b', 'c']) scene.enter(key);
    scene.cancelByName.get('b')?.();
    scene.cancelByName.get('a')?.();
    expect(scene.queue).toMatchObject({ running: 1, waiting: 1 });
    scene.leave('a');
    scene.leave('a');
    expect(scene.started).toEqual(['a', 'c']);
    expect(scene.queue).toMatchObject({ running: 1, waiting: 0 });
    expect(scene.refused).toEqual([]);
  });

  it('[SEC-16] the time to come again follows from how quickly turns end', () => {
    const scene = new Scene({ running: 1, runningOfOne: 1, waiting: 100, waitingOfOne: 100, waitMs: 100_000 });
    for (let i = 0; i < 100; i++) scene.enter('a', `a${i}`);
    for (let i = 0; i < 20; i++) {
      scene.pass(500);
      scene.leave(`a${i}`);
    }
    for (let i = 0; i < 30; i++) scene.enter('b', `b${i}`);
    // Two a second, 80 wait.
    expect(scene.refused.at(-1)).toMatchObject({ kind: 'full' });
    expect(scene.refused.at(-1)?.retryAfterSeconds).toBeGreaterThanOrEqual(40);
    expect(scene.refused.at(-1)?.retryAfterSeconds).toBeLessThanOrEqual(60);
  });
});

type Action =
  | { readonly kind: 'enter'; readonly key: string }
  | { readonly kind: 'leave' | 'cancel'; readonly which: number }
  | { readonly kind: 'pass'; readonly ms: number };

const action: fc.Arbitrary<Action> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('enter' as const), key: fc.constantFrom('a', 'b', 'c', 'd') }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('leave' as const), which: fc.nat(20) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('cancel' as const), which: fc.nat(20) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('pass' as const), ms: fc.nat(600) }) },
);

it('[SEC-16] whatever happens: bounds hold, nobody is lost or served twice, and no turn is kept back while somebody could have it', () => {
  fc.assert(
    fc.property(fc.array(action, { maxLength: 120 }), (actions) => {
      const limits: FairQueueLimits = { running: 3, runningOfOne: 2, waiting: 5, waitingOfOne: 3, waitMs: 1_000 };
      const scene = new Scene(limits);
      const names: string[] = [];
      const left = new Set<string>();
      const cancelled = new Set<string>();
      const running = () => scene.started.filter((name) => !left.has(name));
      const waiting = () =>
        names.filter(
          (name) => !scene.started.includes(name) && !cancelled.has(name) && !scene.refused.some((each) => each.name === name),
        );
      const ofKey = (list: readonly string[], key: string) => list.filter((name) => name.startsWith(key)).length;
      for (const each of actions) {
        if (each.kind === 'enter') {
          const name = `${each.key}${names.length}`;
          names.push(name);
          scene.enter(each.key, name);
        } else if (each.kind === 'pass') scene.pass(each.ms);
        else if (each.kind === 'leave') {
          const name = running()[each.which];
          if (name === undefined) continue;
          left.add(name);
          scene.leave(name);
        } else {
          const name = waiting()[each.which];
          if (name === undefined) continue;
          cancelled.add(name);
          scene.cancelByName.get(name)?.();
        }
        expect(new Set(scene.started).size).toBe(scene.started.length);
        expect(scene.queue).toMatchObject({ running: running().length, waiting: waiting().length });
        expect(running().length).toBeLessThanOrEqual(limits.running);
        expect(waiting().length).toBeLessThanOrEqual(limits.waiting);
        for (const key of ['a', 'b', 'c', 'd']) {
          expect(ofKey(running(), key)).toBeLessThanOrEqual(limits.runningOfOne);
          expect(ofKey(waiting(), key)).toBeLessThanOrEqual(limits.waitingOfOne);
          const couldRun = running().length < limits.running && ofKey(running(), key) < limits.runningOfOne;
          if (couldRun) expect(ofKey(waiting(), key)).toBe(0);
        }
        expect(scene.timers).toBe(waiting().length);
      }
    }),
    { numRuns: 500 },
  );
});

it('[SEC-16] nobody who waits sees another key have two turns more', () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom('a', 'b', 'c', 'd'), { minLength: 1, maxLength: 60 }), (keys) => {
      const scene = new Scene({ running: 1, runningOfOne: 1, waiting: 100, waitingOfOne: 100, waitMs: 1_000 });
      for (const [index, key] of keys.entries()) scene.enter(key, `${key}${index}`);
      // Everybody is there: the order of turns alone decides.
      for (let served = 0; served < keys.length; served++) scene.leave(scene.started[served] ?? '');
      expect(scene.started).toHaveLength(keys.length);
      const [, ...turns] = scene.started;
      for (const key of new Set(keys)) {
        let since: Record<string, number> = {};
        let left = turns.filter((name) => name.startsWith(key)).length;
        for (const name of turns) {
          if (left === 0) break;
          const other = name.charAt(0);
          if (other === key) {
            since = {};
            left--;
          } else since[other] = (since[other] ?? 0) + 1;
          for (const count of Object.values(since)) expect(count).toBeLessThanOrEqual(1);
        }
      }
    }),
  );
});
