/**
 * Keeps what recall needs in step with the log, behind every write and in nobody's way (LOG-7). Woken by the commits of this
 * process; a poll finds what others wrote, what a crash left, and what waits for a provider (SYN-10).
 */
import { setTimeout as wait } from 'node:timers/promises';
import type { UserId } from '../../core/ids.ts';
import { EmbeddingFailed } from '../embed/embedding-failed.ts';
import { readUsersBehind } from './users-behind.ts';
import { stepVectors, type VectorDeps, type VectorOptions } from './vectors.ts';

export interface RecallWorkerDeps extends Omit<VectorDeps, 'signal'> {
  readonly hub: { onCommit(tell: (userId: UserId) => void): () => void };
  /** In [0, 1). */
  readonly random: () => number;
  /** Takes one step of the words of a user, before the vectors and whether these can be made or not. @returns whether they have caught up. */
  readonly stepTexts: (userId: UserId) => Promise<boolean>;
  /** The vectors of this user have caught up. */
  readonly onCaughtUp?: (userId: UserId) => void;
  /** What failed is tried again. */
  readonly onError: (error: unknown) => void;
}

export interface RecallWorkerOptions extends VectorOptions {
  /** Default 5,000. */
  readonly pollMs?: number;
  /** Users at once. Default 2. */
  readonly concurrency?: number;
  /** Nothing was written for so long: then there is room for something else. Default 50. */
  readonly quietMs?: number;
  /** Writes that come without a pause go before everything else for so long; then they share. Default 5,000. */
  readonly burstMs?: number;
  /** Bound of the first wait after a provider failed, doubled with each further one. Default 1,000. */
  readonly firstWaitMs?: number;
}

export interface RecallWorker {
  wake(userId: UserId): void;
  /** Resolves when nothing is under way or waits, but for a provider that failed. Of one user or of all. */
  idle(userId?: UserId): Promise<void>;
  /** Users that wait or are being worked on. */
  queueLength(): number;
  stop(): Promise<void>;
}

const maxWaitMs = 300_000;
/** A provider that asks for longer is asked once an hour. A timer could not hold more than 24 days, and would go off at once. */
const maxAskedMs = 3_600_000;
const pollPage = 500;
/** Where it is never quiet, a step is followed by so many times its own length, and by no more than a burst's: most of a long one was waiting. */
const restPerStep = 9;

export function createRecallWorker(deps: RecallWorkerDeps, options: RecallWorkerOptions = {}): RecallWorker {
  const worker = new Worker(deps, options);
  worker.start();
  return worker;
}

class Worker implements RecallWorker {
  readonly #deps: RecallWorkerDeps;
  readonly #options: RecallWorkerOptions;
  readonly #aborter = new AbortController();
  readonly #waiting = new Set<UserId>();
  readonly #running = new Map<UserId, Promise<void>>();
  /** Wait until the provider is asked again. */
  readonly #deferred = new Set<UserId>();
  #committedAt = Number.NEGATIVE_INFINITY;
  /** Since when it has not been quiet. */
  #busySince = Number.NEGATIVE_INFINITY;
  #lastStep = { endedAt: Number.NEGATIVE_INFINITY, ms: 0 };
  #failures = 0;
  #pause: NodeJS.Timeout | null = null;
  #poll: NodeJS.Timeout | null = null;
  #polling: Promise<void> = Promise.resolve();
  #stopListening = (): void => {};
  #whenChanged: (() => void)[] = [];

  constructor(deps: RecallWorkerDeps, options: RecallWorkerOptions) {
    this.#deps = deps;
    this.#options = options;
  }

  start(): void {
    this.#stopListening = this.#deps.hub.onCommit((userId) => {
      this.#noteCommit();
      this.wake(userId);
    });
    this.#polling = this.#lookForUsers();
  }

  wake(userId: UserId): void {
    if (this.#aborter.signal.aborted) return;
    this.#waiting.add(userId);
    this.#startNext();
  }

  async idle(userId?: UserId): Promise<void> {
    await this.#polling;
    const isBusy = (): boolean =>
      userId === undefined ? this.#waiting.size + this.#running.size > 0 : this.#waiting.has(userId) || this.#running.has(userId);
    while (isBusy()) await new Promise<void>((resolve) => this.#whenChanged.push(resolve));
  }

  queueLength(): number {
    return new Set([...this.#waiting, ...this.#running.keys(), ...this.#deferred]).size;
  }

  async stop(): Promise<void> {
    this.#aborter.abort();
    this.#stopListening();
    if (this.#pause !== null) clearTimeout(this.#pause);
    if (this.#poll !== null) clearTimeout(this.#poll);
    this.#waiting.clear();
    await this.#polling;
    await Promise.all(this.#running.values());
    this.#tellChange();
  }

  #startNext(): void {
    for (const userId of this.#waiting) {
      if (this.#running.size >= (this.#options.concurrency ?? 2)) return;
      // Woken while it is being worked on: it stays in line, and runs again.
      if (this.#running.has(userId)) continue;
      this.#waiting.delete(userId);
      this.#running.set(
        userId,
        this.#work(userId).finally(() => {
          this.#running.delete(userId);
          this.#startNext();
          this.#tellChange();
        }),
      );
    }
  }

  /** One step, so that a user with much to do does not hold back the others. Never rejects. */
  async #work(userId: UserId): Promise<void> {
    try {
      await this.#untilItsTurn();
      const startedAt = performance.now();
      const hasTexts = await this.#deps.stepTexts(userId);
      const hasMoreVectors = await this.#stepVectors(userId);
      const endedAt = performance.now();
      this.#lastStep = { endedAt, ms: endedAt - startedAt };
      if (hasTexts && !hasMoreVectors) return;
      // Where there is much to do it takes half of the time at most: the rest is for those who wait for an answer.
      await wait(Math.min(1_000, endedAt - startedAt), undefined, { ref: false, signal: this.#aborter.signal });
      this.wake(userId);
    } catch (error) {
      this.#defer(userId, error);
    }
  }

  /** Words go on where vectors have to wait for a provider. @returns whether there is more to do now. Never rejects. */
  async #stepVectors(userId: UserId): Promise<boolean> {
    if (this.#pause !== null) {
      this.#deferred.add(userId);
      return false;
    }
    try {
      const step = await stepVectors({ ...this.#deps, signal: this.#aborter.signal }, userId, this.#options);
      this.#failures = 0;
      if (step === 'idle') this.#deps.onCaughtUp?.(userId);
      return step === 'more';
    } catch (error) {
      this.#defer(userId, error);
      return false;
    }
  }

  #defer(userId: UserId, error: unknown): void {
    if (this.#aborter.signal.aborted) return;
    this.#deferred.add(userId);
    this.#pauseAfter(error instanceof EmbeddingFailed ? error.retryAfterMs : undefined);
    this.#deps.onError(error);
  }

  #noteCommit(): void {
    const now = performance.now();
    if (now - this.#committedAt > this.#quietMs) this.#busySince = now;
    this.#committedAt = now;
  }

  /** Writes go first: what is made here nobody waits for, and it takes as much of the machine as they do. */
  async #untilItsTurn(): Promise<void> {
    const { burstMs = 5_000 } = this.#options;
    const { signal } = this.#aborter;
    for (;;) {
      const { endedAt, ms } = this.#lastStep;
      const shareAt = Math.max(this.#busySince + burstMs, endedAt + Math.min(restPerStep * ms, burstMs));
      const leftMs = Math.min(this.#committedAt + this.#quietMs, shareAt) - performance.now();
      if (leftMs <= 0) return;
      await wait(leftMs, undefined, { ref: false, signal });
    }
  }

  get #quietMs(): number {
    return this.#options.quietMs ?? 50;
  }

  #pauseAfter(retryAfterMs: number | undefined): void {
    if (this.#pause !== null) return;
    const bound = Math.min(maxWaitMs, (this.#options.firstWaitMs ?? 1_000) * 2 ** Math.min(this.#failures++, 20));
    // Never less than half: a provider that is down is not asked in a row.
    const waitMs = Math.max(Math.min(retryAfterMs ?? 0, maxAskedMs), bound * (0.5 + 0.5 * this.#deps.random()));
    this.#pause = setTimeout(() => {
      this.#pause = null;
      const users = [...this.#deferred];
      this.#deferred.clear();
      for (const userId of users) this.wake(userId);
    }, waitMs).unref();
  }

  async #lookForUsers(): Promise<void> {
    try {
      await this.#wakeUsersBehind();
    } catch (error) {
      this.#deps.onError(error);
    }
    if (this.#aborter.signal.aborted) return;
    this.#poll = setTimeout(() => {
      this.#polling = this.#lookForUsers();
    }, this.#options.pollMs ?? 5_000).unref();
  }

  async #wakeUsersBehind(): Promise<void> {
    const { db, embedder, now } = this.#deps;
    for (let after: UserId | null = null; !this.#aborter.signal.aborted; ) {
      const formerModelsLeftBefore = now() - (this.#options.formerModelMs ?? 600_000);
      const request = { model: embedder.model, formerModelsLeftBefore, after, limit: pollPage };
      const users: readonly UserId[] = await readUsersBehind(db, request);
      for (const userId of users) if (!this.#deferred.has(userId)) this.wake(userId);
      after = users.at(-1) ?? null;
      if (users.length < pollPage) return;
    }
  }

  #tellChange(): void {
    const waiting = this.#whenChanged;
    this.#whenChanged = [];
    for (const tell of waiting) tell();
  }
}
