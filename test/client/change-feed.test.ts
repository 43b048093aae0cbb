/** Who is told of changes. */
import { setImmediate as macrotask } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { ChangeFeed } from '../../src/client/change-feed.ts';

describe('the feed of changes', () => {
  it('[SYN-10] a listener that throws keeps neither the others from hearing nor those who wait from going on', async () => {
    const thrown: unknown[] = [];
    const others = process.listeners('uncaughtException');
    process.removeAllListeners('uncaughtException').on('uncaughtException', (error) => thrown.push(error));
    try {
      let isSettled = false;
      const feed = new ChangeFeed(() => isSettled);
      const heard: boolean[] = [];
      feed.subscribe(() => {
        throw new Error('of the app');
      });
      feed.subscribe(({ status }) => heard.push(status));
      let hasGoneOn = false;
      void feed.settled().then(() => {
        hasGoneOn = true;
      });
      isSettled = true;
      feed.changed({ status: true });
      await macrotask();
      expect({ heard, hasGoneOn, thrown }).toEqual({ heard: [true], hasGoneOn: true, thrown: [new Error('of the app')] });
    } finally {
      process.removeAllListeners('uncaughtException');
      for (const listener of others) process.on('uncaughtException', listener);
    }
  });
});
