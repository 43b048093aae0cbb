/** Looks at what every client says of itself, all the time, and compares it with what is so. */
import type { Client } from '../../src/client/client-api.ts';
import type { World } from './world.ts';

/** Between two looks, ms. */
const everyMs = 5_000;
/**
 * An outbox that does not move has to have a reason within this time: twice what the client's watchdog waits. A connection that
 * has just been made may still hope.
 */
const silenceMs = 60_000;

export function watchStatus(world: World): void {
  const movedAt = new Map<Client, { readonly place: string; readonly at: number }>();
  const look = (): void => {
    for (const device of world.devices.values()) {
      if (!device.hasOneLeader) continue;
      for (const { index, client } of device.tabs) {
        const { status } = client;
        const { meta, outbox } = device.disk.place.disk.content;
        // What is taken in of the log is movement too; and a leader that is new knows nothing of the time before.
        const place =
          status.stuck !== null || outbox.size === 0 ? '' : `${[...outbox.keys()].join()} ${meta?.cursor} ${status.isLeader}`;
        const before = movedAt.get(client);
        if (before === undefined || before.place !== place) movedAt.set(client, { place, at: world.timeline.now });
        const since = movedAt.get(client)?.at ?? 0;
        const name = `${device.options.name} tab ${index}`;
        if (place !== '' && world.timeline.now - since > silenceMs)
          world.judge.accuse(
            'status untrue',
            `${name}: nothing of its outbox moved since ${since / 1_000} s, and it names no reason: ${JSON.stringify(status)}`,
          );
        if (status.state === 'live' && status.outbox > 0)
          world.judge.accuse('status untrue', `${name} is live with ${status.outbox} ops waiting`);
        if (status.state === 'live' && (status.behind ?? 1) > 0)
          world.judge.accuse('status untrue', `${name} is live and behind: ${JSON.stringify(status)}`);
      }
    }
    if (world.judge.defects.length === 0) world.timeline.after(everyMs, look);
  };
  world.timeline.after(everyMs, look);
}
