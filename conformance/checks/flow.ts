/** Back-pressure, signs of life. */
import { type Check, type CheckContext, check } from '../check.ts';
import type { Device } from '../device.ts';
import { expectEqual } from '../expect.ts';
import { creation, newMemoryId } from '../writes.ts';
import { expectContiguous } from './delta.ts';

export const flowChecks: readonly Check[] = [
  check('[SYN-8] without GOT the server stops after maxInFlight DELTA frames, and goes on with it', async (kit) => {
    const { device, writer, limit, from } = await createSilent(kit);
    await writeOneByOne(writer, limit + 10);
    const before = await device.peer.settle();
    expectEqual('DELTA frames without a GOT', before.filter(({ type }) => type === 'DELTA').length, limit);
    for (const frame of before) device.take(frame);
    expectEqual('frames while nothing is confirmed', await device.peer.settle(), []);
    device.peer.send({ type: 'GOT', to: device.cursor });
    await device.reach(from + limit + 10);
    expectContiguous(device.deltas, from);
  }),

  check(
    '[SYN-8] the base of a PUSH confirms as GOT does',
    async (kit) => {
      const { device, writer, limit, from } = await createSilent(kit);
      await writeOneByOne(writer, limit + 5);
      for (const frame of await device.peer.settle()) device.take(frame);
      device.push({ memoryId: newMemoryId(), writes: creation('confirms by its base') });
      await device.until(() => device.acked >= 1, 'the ack');
      await device.reach(from + limit + 6);
      expectContiguous(device.deltas, from);
    },
    { form: 'binary' },
  ),

  check(
    '[SYN-8] a GOT for a part of the frames makes room for so many',
    async (kit) => {
      const { device, writer, limit, from } = await createSilent(kit);
      await writeOneByOne(writer, limit);
      for (const frame of await device.peer.settle()) device.take(frame);
      await writeOneByOne(writer, 4);
      device.peer.send({ type: 'GOT', to: from + 1 });
      await device.until(() => device.cursor > from + limit, 'a DELTA for the room that was made');
      await writer.write({ memoryId: newMemoryId(), writes: creation('one more') });
      device.peer.send({ type: 'GOT', to: device.cursor });
      await device.reach(writer.cursor);
      expectContiguous(device.deltas, from);
    },
    { form: 'binary' },
  ),

  check('[SYN-8] a device that reads nothing holds up no other, and gets everything when it reads again', async (kit) => {
    const user = await kit.user();
    const [writer, lazy] = [await kit.join(user), await kit.join(user)];
    const from = lazy.cursor;
    lazy.peer.pause();
    const long = 'long '.repeat(1_900);
    for (let push = 0; push < 6; push++) {
      await writer.write(
        ...Array.from({ length: 60 }, (_, n) => ({ memoryId: newMemoryId(), writes: creation(`${n} ${long}`) })),
      );
    }
    lazy.peer.resume();
    await lazy.reach(from + 360);
    expectContiguous(lazy.deltas, from);
  }),

  check(
    '[SYN-10] a device that says nothing is asked by PING after 25 s, and its PONG keeps the socket',
    async (kit) => {
      const device = await kit.join(await kit.user());
      await device.peer.pinged(25_000 + kit.timeoutMs);
      expectEqual('frames that follow', await device.peer.settle(), []);
    },
    { isSlow: true },
  ),

  check(
    '[SYN-10] a device that answers nothing for 60 s is given up, with 4410',
    async (kit) => {
      const device = kit.device(await kit.user());
      const peer = await kit.open({ answersPing: false });
      peer.send(device.hello());
      expectEqual('close code', await peer.closed('of a silent device', 60_000 + kit.timeoutMs), 4410);
    },
    { isSlow: true },
  ),
];

/** A device that never says GOT, and another that writes. */
async function createSilent(kit: CheckContext) {
  const user = await kit.user();
  const device = kit.device(user, { confirms: false });
  device.cursor = await kit.head(user);
  const from = device.cursor;
  const { limits } = await device.connect();
  return { device, from, limit: limits.maxInFlight, writer: await kit.join(user) };
}

/** Each op is a commit of its own, and so a DELTA of its own to whoever listens. */
async function writeOneByOne(writer: Device, count: number): Promise<void> {
  for (let n = 0; n < count; n++) await writer.write({ memoryId: newMemoryId(), writes: creation(`one by one ${n}`) });
}
