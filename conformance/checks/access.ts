/** Tokens, sessions, devices: who may speak, and for how long. */
import { setTimeout as sleep } from 'node:timers/promises';
import { type Check, type CheckContext, CheckSkipped, check } from '../check.ts';
import { expectEqual, expectMembers, expectThat } from '../expect.ts';
import type { Peer } from '../peer.ts';
import type { KitUser } from '../users.ts';
import { creation, newMemoryId } from '../writes.ts';

/** SYN-9: an ended session, a revoked device or an expired token closes the socket within this, ms. */
const endsWithinMs = 2_000;

export const accessChecks: readonly Check[] = [
  check('[SYN-9] a token that is forged, empty or missing is unauthorized, and closes the socket with 4401', async (kit) => {
    const user = await kit.user();
    const [head, payload] = user.token.split('.');
    const forged = `${head}.${payload}.${'A'.repeat(43)}`;
    for (const token of ['forged', forged, '']) {
      const device = kit.device({ ...user, token });
      const peer = await device.open();
      peer.send(device.hello());
      await expectRefused(peer, 'unauthorized', 4401, 'after HELLO with a bad token');
    }
    const device = kit.device(user);
    const peer = await device.open();
    const { token: _, ...hello } = device.hello();
    peer.send(hello);
    await expectRefused(peer, 'unauthorized', 4401, 'after HELLO without a token');
  }),

  check('[SYN-9] the token may come with the upgrade request', async (kit) => {
    const user = await kit.user();
    const device = kit.device(user);
    const peer = await kit.open({ query: `?token=${encodeURIComponent(user.token)}` });
    const { token: _, ...hello } = device.hello({ cursor: await kit.head(user) });
    peer.send(hello);
    await peer.expect('WELCOME');
  }),

  check('[SYN-9] AUTH with a renewed token keeps the socket', async (kit) => {
    const session = await kit.login(await kit.user());
    const device = await kit.join(session);
    const renewed = await kit.refresh(session);
    device.peer.send({ type: 'AUTH', token: renewed.token });
    expectEqual('frames that follow', await device.peer.settle(), []);
    await device.write({ memoryId: newMemoryId(), writes: creation('after AUTH') });
  }),

  check('[SYN-9] AUTH with a token that is no good closes the socket with 4401', async (kit) => {
    const device = await kit.join(await kit.user());
    device.peer.send({ type: 'AUTH', token: 'forged' });
    await expectRefused(device.peer, 'unauthorized', 4401, 'after AUTH with a forged token');
  }),

  check('[SYN-9] [SEC-1] AUTH with the token of another user closes the socket', async (kit) => {
    const [user, other] = [await kit.user(), await kit.user()];
    const device = await kit.join(user);
    device.peer.send({ type: 'AUTH', token: other.token });
    await expectRefused(device.peer, 'unauthorized', 4401, 'after AUTH of another user');
  }),

  check('[SYN-9] logout closes the sockets of the session, of all its replicas, and of no other', async (kit) => {
    const user = await kit.user();
    const session = await kit.login(user);
    const [own, further] = [await kit.join(session, { id: session.device }), await kit.join(session)];
    const other = await kit.join(user);
    await kit.http.expect(204, 'POST', '/auth/logout', { token: session.token });
    for (const device of [own, further]) {
      expectEqual('close code', await device.peer.closed('after logout', endsWithinMs), 4401);
    }
    await other.write({ memoryId: newMemoryId(), writes: creation('another session goes on') });
  }),

  check('[SYN-9] the token of an ended session is refused, on the socket and over HTTP', async (kit) => {
    const session = await kit.login(await kit.user());
    await kit.http.expect(204, 'POST', '/auth/logout', { token: session.token });
    const device = kit.device(session);
    const peer = await device.open();
    peer.send(device.hello());
    await expectRefused(peer, 'unauthorized', 4401, 'after HELLO with an ended token');
    const answer = await kit.http.send('GET', '/memories/sync/updates', { token: session.token });
    expectEqual('status of a pull with an ended token', answer.status, 401);
  }),

  check('[SYN-9] a revoked device closes its socket with 4403 within 2 s, and is refused from then on', async (kit) => {
    const user = await kit.user();
    const [device, other] = [await kit.join(user), await kit.join(user)];
    await kit.http.expect(204, 'DELETE', `/auth/devices/${device.id}`, { token: user.token });
    expectEqual('close code', await device.peer.closed('of a revoked device', endsWithinMs), 4403);
    const peer = await device.open();
    peer.send(device.hello());
    await expectRefused(peer, 'device_revoked', 4403, 'after HELLO of a revoked device');
    await other.write({ memoryId: newMemoryId(), writes: creation('another device goes on') });
  }),

  check('[SYN-9] the devices of a session are listed, also the replicas that said HELLO', async (kit) => {
    const user = await kit.user();
    const device = await kit.join(user);
    const ids = await listDevices(kit, user);
    expectThat(ids.includes(device.id) && ids.includes(user.device), 'both devices in the list', ids.length);
  }),

  check('[SYN-9] a token that expires closes the open socket with 4401, and is refused', async (kit) => {
    const user = await kit.user();
    const device = kit.device(user);
    device.cursor = await kit.head(user);
    const { tokenExpiresAt, now } = await device.connect();
    await letExpire(kit, tokenExpiresAt - now);
    await expectRefused(device.peer, 'unauthorized', 4401, 'of an expired token');
    const peer = await device.open();
    peer.send(device.hello());
    await expectRefused(peer, 'unauthorized', 4401, 'after HELLO with an expired token');
  }),

  check('[SEC-1] another user hears nothing, and cannot write to what is not theirs', async (kit) => {
    const [owner, stranger] = [await kit.user(), await kit.user()];
    const [mine, theirs] = [await kit.join(owner), await kit.join(stranger)];
    const memoryId = newMemoryId();
    await mine.write({ memoryId, writes: creation('private') });
    expectEqual('frames for another user', await theirs.peer.settle(), []);
    const [event] = await theirs.write({ memoryId, writes: [{ register: 'content', value: 'mine now' }] });
    expectMembers('event of the stranger', event ?? {}, { outcome: 'rejected', code: 'unknown_memory' });
    expectEqual('frames for the owner', await mine.peer.settle(), []);
    expectEqual('content', (await kit.reader(owner)).replica.get(memoryId)?.content, 'private');
    expectEqual('status over HTTP', (await kit.http.send('GET', `/memories/${memoryId}`, { token: stranger.token })).status, 404);
  }),

  check('[SEC-1] the same memory id under two users is two memories', async (kit) => {
    const [owner, stranger] = [await kit.user(), await kit.user()];
    const [mine, theirs] = [await kit.join(owner), await kit.join(stranger)];
    const memoryId = newMemoryId();
    await mine.write({ memoryId, writes: creation('of one') });
    await theirs.write({ memoryId, writes: creation('of the other') });
    const contents = await Promise.all(
      [owner, stranger].map(async (user) => (await kit.reader(user)).replica.get(memoryId)?.content),
    );
    expectEqual('contents', contents, ['of one', 'of the other']);
  }),

  check('[SEC-1] the id of another user’s device speaks for one’s own log only', async (kit) => {
    const [owner, thief] = [await kit.user(), await kit.user()];
    const theirs = await kit.join(owner);
    await theirs.write({ memoryId: newMemoryId(), writes: creation('private') });
    const before = await kit.head(owner);
    const stolen = await kit.join(thief, { id: theirs.id });
    expectEqual('counter of the same id under another user', stolen.counter, 0);
    await stolen.write({ memoryId: newMemoryId(), writes: creation('of the thief') });
    expectEqual('head of the owner', await kit.head(owner), before);
    expectEqual('frames for the owner', await theirs.peer.settle(), []);
  }),
];

async function expectRefused(peer: Peer, code: string, closeCode: number, what: string): Promise<void> {
  await peer.expectError(code, `the end of the socket ${what}`);
  expectEqual('close code', await peer.closed(what, endsWithinMs), closeCode);
}

async function listDevices({ http }: CheckContext, { token }: KitUser): Promise<readonly string[]> {
  const ids: string[] = [];
  for (let cursor: string | null = ''; cursor !== null; ) {
    const path = `/auth/devices?limit=100${cursor === '' ? '' : `&cursor=${cursor}`}`;
    const page: DevicePage = await http.expect<DevicePage>(200, 'GET', path, { token });
    ids.push(...page.devices.map(({ id }) => id));
    cursor = page.nextCursor;
  }
  return ids;
}

interface DevicePage {
  readonly devices: readonly { readonly id: string }[];
  readonly nextCursor: string | null;
}

async function letExpire({ expireTokens, timeoutMs }: CheckContext, leftMs: number): Promise<void> {
  if (expireTokens !== null) return await expireTokens();
  const longest = 10 * timeoutMs;
  if (leftMs > longest) throw new CheckSkipped(`a token lives ${Math.round(leftMs / 1_000)} s, longer than ${longest / 1_000} s`);
  await sleep(leftMs);
}
