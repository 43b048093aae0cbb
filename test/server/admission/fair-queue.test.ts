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

const bounds: FairQueueLimits = { running: 3, runningOfOne: 2, waiting: 5, waitingOfOne: 3, waitMs: 1_000 };
const keys = ['a', 'b', 'c', 'd'];

/** What has to be true of everybody who came, said without the queue. */
class Ledger {
  readonly scene = new Scene(bounds);
  readonly #names: string[] = [];
  readonly #left = new Set<string>();
  readonly #cancelled = new Set<string>();

  get running(): readonly string[] {
    return this.scene.started.filter((name) => !this.#left.has(name));
  }

  get waiting(): readonly string[] {
    const { started, refused } = this.scene;
    const gone = new Set([...started, ...this.#cancelled, ...refused.map(({ name }) => name)]);
    return this.#names.filter((name) => !gone.has(name));
  }

  act(action: Action): void {
    switch (action.kind) {
      case 'enter': {
        const name = `${action.key}${this.#names.length}`;
        this.#names.push(name);
        return this.scene.enter(action.key, name);
      }
      case 'pass':
        return this.scene.pass(action.ms);
      case 'leave': {
        const name = this.running[action.which];
        if (name === undefined) return;
        this.#left.add(name);
        return this.scene.leave(name);
      }
      case 'cancel': {
        const name = this.waiting[action.which];
        if (name === undefined) return;
        this.#cancelled.add(name);
        return this.scene.cancelByName.get(name)?.();
      }
    }
  }
}

function expectOrder({ scene, running, waiting }: Ledger): void {
  expect(new Set(scene.started).size).toBe(scene.started.length);
  expect(scene.queue).toMatchObject({ running: running.length, waiting: waiting.length });
  expect(running.length).toBeLessThanOrEqual(bounds.running);
  expect(waiting.length).toBeLessThanOrEqual(bounds.waiting);
  expect(scene.timers).toBe(waiting.length);
  const ofKey = (list: readonly string[], key: string) => list.filter((name) => name.startsWith(key)).length;
  for (const key of keys) {
    expect(ofKey(running, key)).toBeLessThanOrEqual(bounds.runningOfOne);
    expect(ofKey(waiting, key)).toBeLessThanOrEqual(bounds.waitingOfOne);
    const couldRun = running.length < bounds.running && ofKey(running, key) < bounds.runningOfOne;
    if (couldRun) expect(ofKey(waiting, key)).toBe(0);
  }
}

it('[SEC-16] whatever happens: bounds hold, nobody is lost or served twice, and no turn is kept back while somebody could have it', () => {
  fc.assert(
    fc.property(fc.array(action, { maxLength: 120 }), (actions) => {
      const ledger = new Ledger();
      for (const each of actions) {
        ledger.act(each);
        expectOrder(ledger);
      }
    }),
    { numRuns: 500 },
  );
});

/** Of the turns between two of a key, or before its first, no other key has two. */
function expectFair(turns: readonly string[], key: string): void {
  const own = turns.flatMap((name, index) => (name.startsWith(key) ? [index] : []));
  for (const [index, at] of own.entries()) {
    const between = turns.slice(index === 0 ? 0 : (own[index - 1] ?? 0) + 1, at).map((name) => name.charAt(0));
    expect(new Set(between).size).toBe(between.length);
  }
}

it('[SEC-16] nobody who waits sees another key have two turns more', () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...keys), { minLength: 1, maxLength: 60 }), (arrivals) => {
      const scene = new Scene({ running: 1, runningOfOne: 1, waiting: 100, waitingOfOne: 100, waitMs: 1_000 });
      for (const [index, key] of arrivals.entries()) scene.enter(key, `${key}${index}`);
      for (let served = 0; served < arrivals.length; served++) scene.leave(scene.started[served] ?? '');
      expect(scene.started).toHaveLength(arrivals.length);
      // The first had its turn before the others were there.
      for (const key of new Set(arrivals)) expectFair(scene.started.slice(1), key);
    }),
  );
});
