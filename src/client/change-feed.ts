/** Tells listeners what changed, gathered until the next turn: a page of a thousand events is one call. */
import type { MemoryId } from '../core/ids.ts';
import type { ClientEvent } from './client-api.ts';

interface Waiter {
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

export class ChangeFeed {
  readonly #isSettled: () => boolean;
  readonly #listeners = new Set<(event: ClientEvent) => void>();
  readonly #waiters = new Set<Waiter>();
  /** `memories`: the lists as they came. */
  #pending: { memories: (readonly MemoryId[])[] | null; conflicts: boolean; status: boolean } | null = null;

  /** @param isSettled looked at after each change, for those who wait for it. */
  constructor(isSettled: () => boolean) {
    this.#isSettled = isSettled;
  }

  subscribe(listener: (event: ClientEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  settled(): Promise<void> {
    if (this.#isSettled()) return Promise.resolve();
    return new Promise((resolve, reject) => this.#waiters.add({ resolve, reject }));
  }

  /** @param event `memories` names each once. */
  changed({ memories = [], conflicts = false, status = false }: Partial<ClientEvent>): void {
    const isFirst = this.#pending === null;
    this.#pending ??= { memories: [], conflicts: false, status: false };
    if (memories === null) this.#pending.memories = null;
    else if (memories.length > 0) this.#pending.memories?.push(memories);
    this.#pending.conflicts ||= conflicts;
    this.#pending.status ||= status;
    if (isFirst) queueMicrotask(() => this.#tell());
  }

  /** Whoever waits is told that it never comes. */
  close(error: Error): void {
    for (const { reject } of this.#waiters) reject(error);
    this.#waiters.clear();
    this.#listeners.clear();
  }

  #tell(): void {
    const { memories = null, conflicts = false, status = false } = this.#pending ?? {};
    this.#pending = null;
    const event = { memories: memories === null ? null : joined(memories), conflicts, status };
    // Each in a turn of its own: one that throws keeps nobody else from hearing.
    for (const listener of this.#listeners) queueMicrotask(() => this.#listeners.has(listener) && listener(event));
    if (this.#waiters.size === 0 || !this.#isSettled()) return;
    for (const { resolve } of this.#waiters) resolve();
    this.#waiters.clear();
  }
}

/** Each id once. */
function joined(lists: readonly (readonly MemoryId[])[]): readonly MemoryId[] {
  const [first = []] = lists;
  return lists.length <= 1 ? first : [...new Set(lists.flat())];
}
