/** The chain finds what was changed behind the server's back. */
import { randomUUID } from 'node:crypto';
import { expect, it } from 'vitest';
import type { UserId } from '../../../src/core/ids.ts';
import { verifyLog } from '../../../src/server/log/verify.ts';
import { type Api, creation, edit, useServer, type Verdict } from '../../support/api.ts';
import { describeOnEachEngine } from '../../support/databases.ts';

async function writeSome(api: Api): Promise<void> {
  const [phone, laptop, id] = [randomUUID(), randomUUID(), randomUUID()];
  await api.push(phone, 1, 0, [creation(id, '1764000000000-0'), creation(randomUUID(), '1764000000001-0')]);
  await api.push(laptop, 1, 1, [edit(id, '1764000000100-0', '/content', 'x'), edit(randomUUID(), '1-0', '/content', 'x')]);
  await api.call('PUT', `/memories/${id}`, { content: 'Coffee', tags: ['a'] });
  await api.call('DELETE', `/memories/${id}`);
  await api.call('POST', `/memories/${id}/restore`, { seq: 1 });
}

/** One flipped bit in the middle. */
const flip = (column: string): string =>
  `${column} = set_byte(${column}, length(${column}) / 2, get_byte(${column}, length(${column}) / 2) # 1)`;

const tampers: readonly (readonly [string, string])[] = [
  ['wire', flip('wire')],
  ['meta', flip('meta')],
  ['salt', flip('salt')],
  ['hash', flip('hash')],
  ['at_ms', 'at_ms = at_ms + 1'],
  ['device', 'device = 0, counter = counter + 1000'],
  ['counter', 'counter = counter + 1000'],
  ['kind', 'kind = kind + 1'],
  ['prev_seq', 'prev_seq = prev_seq + 1'],
  ['memory_id', "memory_id = '00000000-0000-0000-0000-000000000001'"],
  ['payload', `wire = substring(wire from 1 for 5) || '\\xc0'::bytea, salt = null, payload_hash = hash`],
];

const headTampers: readonly (readonly [string, string])[] = [
  ['hash', flip('hash')],
  ['clock', "clock = '\\x90'::bytea"],
  ['state hash', flip('state_hash')],
  ['live', 'live = live + 1'],
];

describeOnEachEngine('verify', (open) => {
  const fixture = useServer(open);
  const verdictOf = async (api: Api): Promise<Verdict> => (await api.get<Verdict>('/audit/verify')).body;

  it('[LOG-4] verifies what was written by devices and by REST, and an empty log', async () => {
    const api = await fixture.login();
    expect(await verdictOf(api)).toMatchObject({ verified: true, events: 0, head: 0 });
    await writeSome(api);
    expect(await verdictOf(api)).toMatchObject({
      verified: true,
      events: 7,
      head: 7,
      headHash: expect.stringMatching(/^[0-9a-f]{64}$/),
    });
  });

  it('[LOG-4] every tampered column of an event breaks it there', async () => {
    const { db } = fixture.server.deps;
    for (const [name, change] of tampers) {
      const api = await fixture.login();
      await writeSome(api);
      await db.query(`update events set ${change} where user_id = $1::uuid and seq = 3`, [api.user.user.id]);
      expect(await verdictOf(api), name).toMatchObject({ verified: false, brokenAt: 3, reason: expect.any(String) });
    }
  });

  it('[LOG-4] a payload blanked without an erasure, a missing event and a tampered head are found', async () => {
    const { db } = fixture.server.deps;
    const api = await fixture.login();
    await writeSome(api);
    const id = api.user.user.id;
    await db.query(
      `update events set payload_hash = sha256(salt || substring(wire from get_byte(meta, 1) + 1)), salt = null,
         wire = substring(wire from 1 for get_byte(meta, 1)) || '\\xc0'::bytea where user_id = $1::uuid and seq = 2`,
      [id],
    );
    expect(await verdictOf(api)).toMatchObject({ verified: false, brokenAt: 2, reason: expect.stringContaining('never erased') });
    await db.query('delete from events where user_id = $1::uuid and seq = 5', [id]);
    expect(await verdictOf(api)).toMatchObject({ verified: false, brokenAt: 5 });
    for (const [name, change] of headTampers) {
      const other = await fixture.login();
      await writeSome(other);
      await db.query(`update user_heads set ${change} where user_id = $1::uuid`, [other.user.user.id]);
      expect(await verdictOf(other), name).toMatchObject({ verified: false, brokenAt: 8 });
    }
  });

  it('[LOG-4] reports progress, page by page, and knows no stranger', async () => {
    const api = await fixture.login();
    await writeSome(api);
    const progress: number[] = [];
    await verifyLog(fixture.server.deps.db, api.user.user.id as UserId, (events) => progress.push(events));
    expect(progress).toEqual([7]);
    expect(await verifyLog(fixture.server.deps.db, randomUUID() as UserId)).toBeNull();
  });

  it('[LOG-4] verifies while it is written to', async () => {
    const api = await fixture.login();
    let writing = true;
    const writer = (async () => {
      for (let n = 0; writing; n++) {
        const { id } = await api.create({ content: `${n}` });
        if (n % 3 === 0) await api.call('DELETE', `/memories/${id}?erase=true`);
      }
    })();
    const verdicts: Verdict[] = [];
    for (let n = 0; n < 20; n++) verdicts.push(await verdictOf(api));
    writing = false;
    await writer;
    expect(verdicts.filter((verdict) => !verdict.verified)).toEqual([]);
  });
});
