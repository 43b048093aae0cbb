/**
 * Tabs (and workers) that share one replica: one of them leads, which is to say it syncs for all. The browser gives the lead
 * by a Web Lock that is held for life, so a leader that was closed or killed has lost it without having to say so.
 */

export interface Tabs {
  /**
   * Stands for the lead from now on.
   * @param onLead this tab leads. @param onFollow another one does; called when that is known, perhaps more than once, and when the lead was lost.
   * @returns the way to give it up; neither is called afterwards.
   */
  lead(onLead: () => void, onFollow?: () => void): () => void;
  /** To all other tabs of this name. Nobody learns whether it arrived. */
  post(message: unknown): void;
  /** @returns the way to stop. */
  listen(listener: (message: unknown) => void): () => void;
  /** Gives up the lead and hears nothing more. */
  close(): void;
}

export interface TabsOptions {
  /** That of the shared replica. */
  readonly name: string;
  /** Default: those of the browser. Null: there are none, so this tab is alone and leads at once. */
  readonly locks?: TabLocks | null;
  /** Default: a BroadcastChannel. Null: there is none, and a tab that could not hear a leader leads itself. */
  readonly channel?: TabChannel | null;
  /** Default: the events of the page; a worker has none. */
  readonly watchSleep?: WatchSleep;
}

/** What is used of `navigator.locks`. */
export interface TabLocks {
  request(
    name: string,
    options: { readonly ifAvailable?: boolean; readonly signal?: AbortSignal },
    granted: (lock: unknown) => Promise<void> | undefined,
  ): Promise<unknown>;
}

/** What is used of a BroadcastChannel. */
export interface TabChannel {
  postMessage(message: unknown): void;
  onmessage: ((event: { readonly data: unknown }) => void) | null;
  close(): void;
}

/** Tells when the browser stops this page for a while, and when it lets it go on. @returns the way to stop. */
export type WatchSleep = (onSleep: () => void, onWake: () => void) => () => void;

export function createTabs(options: TabsOptions): Tabs {
  const { name, locks = browserLocks(), watchSleep = watchPage } = options;
  const key = `aibrain:${name}`;
  const channel = options.channel === undefined ? browserChannel(key) : options.channel;
  const listeners = new Set<(message: unknown) => void>();
  const stops = new Set<() => void>();
  let isClosed = false;
  if (channel !== null) {
    channel.onmessage = ({ data }) => {
      for (const listener of listeners) listener(data);
    };
  }

  return {
    lead(onLead, onFollow = () => {}) {
      const stop =
        locks === null || channel === null ? leadAlone(onLead) : standForLead({ locks, key, onLead, onFollow, watchSleep });
      stops.add(stop);
      return stop;
    },
    post(message) {
      if (!isClosed) channel?.postMessage(message);
    },
    listen(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    close() {
      isClosed = true;
      listeners.clear();
      for (const stop of stops) stop();
      channel?.close();
    },
  };
}

function leadAlone(onLead: () => void): () => void {
  let isStopped = false;
  queueMicrotask(() => {
    if (!isStopped) onLead();
  });
  return () => {
    isStopped = true;
  };
}

interface Candidate {
  readonly locks: TabLocks;
  readonly key: string;
  readonly onLead: () => void;
  readonly onFollow: () => void;
  readonly watchSleep: WatchSleep;
}

/**
 * A page that is put to sleep would keep the lead and do nothing with it, or be given it in its sleep; so it steps back
 * before, and stands again when it wakes.
 */
function standForLead({ locks, key, onLead, onFollow, watchSleep }: Candidate): () => void {
  const sleep = createSleep();
  let isStopped = false;
  let term = createTerm();
  const mayLead = () => !(isStopped || term.signal.aborted);

  /** @returns whether it has led. */
  async function ask(options: { readonly ifAvailable: true } | { readonly signal: AbortSignal }): Promise<boolean> {
    let hasLed = false;
    await locks.request(key, options, (lock) => {
      if (lock === null || !mayLead()) return;
      hasLed = true;
      onLead();
      return term.over;
    });
    return hasLed;
  }
  async function askThenWait(): Promise<void> {
    if (await ask({ ifAvailable: true })) return;
    if (!mayLead()) return;
    onFollow();
    if (mayLead()) await ask({ signal: term.signal });
  }
  async function stand(): Promise<void> {
    while (!isStopped) {
      term = createTerm();
      try {
        await askThenWait();
      } catch (error) {
        // An abort: it stepped back while it waited, or somebody took the lock by force.
        if (!(isAbort(error) || isStopped)) {
          // The browser has locks and refuses them to this page. Better two leaders than none: the store keeps order.
          onLead();
          return;
        }
      }
      if (!isStopped) onFollow();
      await sleep.isOver();
    }
  }

  const unwatch = watchSleep(
    () => {
      sleep.begin();
      term.end();
    },
    () => sleep.end(),
  );
  void stand();
  return () => {
    isStopped = true;
    unwatch();
    sleep.end();
    term.end();
  };
}

/** The time from asking for the lead until stepping back. */
function createTerm(): { readonly over: Promise<void>; readonly signal: AbortSignal; end(): void } {
  const waiting = new AbortController();
  const { signal } = waiting;
  const over = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
  return { over, signal, end: () => waiting.abort() };
}

function createSleep(): { begin(): void; end(): void; isOver(): Promise<void> } {
  let sleeping: Promise<void> | null = null;
  let wake = () => {};
  return {
    begin() {
      sleeping ??= new Promise((resolve) => {
        wake = resolve;
      });
    },
    end() {
      sleeping = null;
      wake();
    },
    isOver: () => sleeping ?? Promise.resolve(),
  };
}

const isAbort = (error: unknown): boolean => error instanceof Error && error.name === 'AbortError';

function browserLocks(): TabLocks | null {
  return (globalThis.navigator as { readonly locks?: TabLocks } | undefined)?.locks ?? null;
}

function browserChannel(key: string): TabChannel | null {
  if (typeof BroadcastChannel === 'undefined') return null;
  const channel = new BroadcastChannel(key) as TabChannel & { readonly unref?: () => void };
  // In Node an open channel would keep the process alive.
  channel.unref?.();
  return channel;
}

function watchPage(onSleep: () => void, onWake: () => void): () => void {
  if (typeof document === 'undefined') return () => {};
  const watching = new AbortController();
  const { signal } = watching;
  document.addEventListener('freeze', onSleep, { signal });
  document.addEventListener('resume', onWake, { signal });
  // Into the cache of pages that one may go back to, and out of it.
  addEventListener('pagehide', (event) => event.persisted && onSleep(), { signal });
  addEventListener('pageshow', (event) => event.persisted && onWake(), { signal });
  return () => watching.abort();
}
