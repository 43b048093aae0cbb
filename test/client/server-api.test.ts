/** What the client asks of the REST API, where an answer does not come. */
import { setImmediate as macrotask } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { ConflictBook } from '../../src/client/conflict-book.ts';
import { createServerApi } from '../../src/client/server-api.ts';
import { createVolatileStore } from '../../src/client/volatile-store.ts';
import { nothingHappened } from '../../src/sync/replica-step.ts';
import { nodeEnvironment } from '../support/client.ts';

/** Timers that go off when the test says so. */
function createTimers() {
  const waiting = new Set<() => void>();
  return {
    deps: {
      setTimer: (work: () => void) => {
        waiting.add(work);
        return work;
      },
      clearTimer: (work: unknown) => void waiting.delete(work as () => void),
    },
    goOff(): void {
      for (const work of [...waiting]) {
        waiting.delete(work);
        work();
      }
    },
  };
}

describe('what is asked of the server', () => {
  it('[SYN-10] a search whose token never comes is left to the device', async () => {
    const { deps, goOff } = createTimers();
    const never = new Promise<never>(() => {});
    const api = createServerApi({ ...deps, fetch: () => never }, { url: 'http://127.0.0.1:9', getToken: () => never });
    const found = api.search('tea', { limit: 1 });
    goOff();
    expect(await found).toBeNull();
  });

  it('[SYN-10] conflicts that could not be fetched are asked for by the timer or the next connection, not by every frame', async () => {
    const { deps, goOff } = createTimers();
    let asked = 0;
    const book = new ConflictBook({
      store: createVolatileStore(),
      api: {
        readConflicts: async () => {
          asked++;
          throw new Error('429');
        },
      },
      environment: { ...nodeEnvironment(), ...deps },
      isLive: () => true,
      onChanged: () => {},
    });
    for (let frame = 0; frame < 10; frame++) await book.refresh();
    expect(asked).toBe(1);
    goOff();
    await macrotask();
    await book.refresh();
    expect(asked).toBe(2);
    book.noteStep({ kind: 'join', epoch: 'e' as never, serverCounter: 0 }, nothingHappened);
    await book.refresh();
    expect(asked).toBe(3);
    book.close();
  });
});
