import { describe, expect, it } from 'vitest';
import type { UserId } from '../../../src/core/ids.ts';
import { emptyStateHash } from '../../../src/core/state-hash.ts';
import { type Committed, createHub, type Listener } from '../../../src/server/fanout/hub.ts';

const one = '11111111-1111-4111-8111-111111111111' as UserId;
const other = '22222222-2222-4222-8222-222222222222' as UserId;

const pieceOf = (userId: UserId, from: number): Committed => ({
  userId,
  from,
  to: from + 1,
  count: 1,
  events: new Uint8Array(1),
  deviceByOrdinal: new Map(),
  stateHash: emptyStateHash,
  lastCounterByDevice: new Map(),
});

/** Writes down what it is told. */
function recorder(): Listener & { readonly heard: (number | Committed)[] } {
  const heard: (number | Committed)[] = [];
  return { heard, committed: (piece) => void heard.push(piece), hint: (head) => void heard.push(head) };
}

describe('hub', () => {
  it('[SEC-1] tells the listeners of the user and nobody else', () => {
    const hub = createHub();
    const [a, b, stranger] = [recorder(), recorder(), recorder()];
    hub.listen(one, a);
    hub.listen(one, b);
    hub.listen(other, stranger);
    const piece = pieceOf(one, 0);
    hub.publish(piece);
    hub.hint(one, 7);
    expect(a.heard).toEqual([piece, 7]);
    expect(b.heard).toEqual([piece, 7]);
    expect(stranger.heard).toEqual([]);
  });

  it('[SYN-11] hands the same piece to all of them, so that its frame is made once', () => {
    const hub = createHub();
    const [a, b] = [recorder(), recorder()];
    hub.listen(one, a);
    hub.listen(one, b);
    hub.publish(pieceOf(one, 0));
    expect(a.heard[0]).toBe(b.heard[0]);
  });

  it('[SYN-7] forgets a user when the last listener has gone', () => {
    const hub = createHub();
    const [a, b] = [recorder(), recorder()];
    const [stopA, stopB] = [hub.listen(one, a), hub.listen(one, b)];
    stopA();
    stopA();
    expect(hub.listenedUsers()).toEqual([one]);
    stopB();
    expect(hub.listenedUsers()).toEqual([]);
    hub.publish(pieceOf(one, 0));
    expect([...a.heard, ...b.heard]).toEqual([]);
    hub.listen(one, a);
    // The stop of a listener from before does not end those that came later.
    stopB();
    expect(hub.listenedUsers()).toEqual([one]);
  });

  it('[SYN-7] a listener may stop itself and others while it is told', () => {
    const hub = createHub();
    const last = recorder();
    const stops: (() => void)[] = [];
    stops.push(hub.listen(one, { committed: () => stops.forEach((stop) => void stop()), hint: () => undefined }));
    stops.push(hub.listen(one, last));
    hub.publish(pieceOf(one, 0));
    hub.publish(pieceOf(one, 1));
    expect(last.heard.length).toBeLessThanOrEqual(1);
    expect(hub.listenedUsers()).toEqual([]);
  });
});
