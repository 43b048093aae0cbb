/** Several tabs within one process, for tests and the simulator: what a browser gives them, and a way to kill one. */
import { createTabs, type TabChannel, type TabLocks, type Tabs, type WatchSleep } from './tabs.ts';

export interface TabHub {
  open(watchSleep?: WatchSleep): HubTab;
}

export interface HubTab extends Tabs {
  /** As a browser ends a tab: its code does not run any more, its lock is free, and nobody is told. */
  kill(): void;
}

interface Request {
  readonly owner: object;
  readonly grant: () => void;
}

/** @param defer runs later what other tabs learn. Default: after the running code. */
export function createTabHub(defer: (task: () => void) => void = queueMicrotask): TabHub {
  const channels = new Set<TabChannel>();
  const queue: Request[] = [];
  let holder: Request | null = null;

  function grantNext(): void {
    if (holder !== null) return;
    holder = queue.shift() ?? null;
    holder?.grant();
  }
  function release(request: Request): void {
    if (holder === request) holder = null;
    defer(grantNext);
  }
  function locksOf(owner: object, isAlive: () => boolean): TabLocks {
    return {
      request: (_name, { ifAvailable = false, signal }, granted) =>
        new Promise((resolve, reject) => {
          const request: Request = {
            owner,
            grant: () => {
              const held = isAlive() ? granted({}) : undefined;
              void Promise.resolve(held).then(() => {
                release(request);
                resolve(undefined);
              });
            },
          };
          if (ifAvailable && (holder !== null || queue.length > 0)) {
            defer(() => isAlive() && resolve(granted(null)));
            return;
          }
          if (signal?.aborted) {
            reject(aborted());
            return;
          }
          queue.push(request);
          signal?.addEventListener('abort', () => {
            if (!queue.includes(request)) return;
            queue.splice(queue.indexOf(request), 1);
            reject(aborted());
          });
          defer(grantNext);
        }),
    };
  }

  return {
    open(watchSleep = () => () => {}) {
      const owner = {};
      let isAlive = true;
      const channel: TabChannel = {
        onmessage: null,
        postMessage(message) {
          const data: unknown = structuredClone(message);
          for (const other of channels)
            if (other !== channel && isAlive) defer(() => channels.has(other) && other.onmessage?.({ data }));
        },
        close: () => channels.delete(channel),
      };
      channels.add(channel);
      const tabs = createTabs({ name: 'hub', locks: locksOf(owner, () => isAlive), channel, watchSleep });
      return {
        ...tabs,
        kill() {
          isAlive = false;
          channels.delete(channel);
          queue.splice(0, queue.length, ...queue.filter((request) => request.owner !== owner));
          if (holder?.owner === owner) release(holder);
        },
      };
    },
  };
}

const aborted = (): DOMException => new DOMException('the request was aborted', 'AbortError');
