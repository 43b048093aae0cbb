/** Tabs of a browser without Web Locks, where each leads: they hear each other, or have no BroadcastChannel either. */
import type { HubTab } from '../../src/client/tab-hub.ts';
import { createTabs, type TabChannel } from '../../src/client/tabs.ts';

export interface TabBus {
  open(): HubTab;
}

export function createTabBus(hasChannel: boolean): TabBus {
  const channels = new Set<TabChannel>();
  return {
    open() {
      const channel: TabChannel = {
        onmessage: null,
        postMessage(message) {
          const data: unknown = structuredClone(message);
          for (const other of channels)
            if (other !== channel) queueMicrotask(() => channels.has(other) && other.onmessage?.({ data }));
        },
        close: () => channels.delete(channel),
      };
      if (hasChannel) channels.add(channel);
      const tabs = createTabs({
        name: 'bus',
        locks: null,
        channel: hasChannel ? channel : null,
        watchSleep: () => () => undefined,
      });
      return { ...tabs, kill: () => channels.delete(channel) };
    },
  };
}
