/** The projections follow from the log, byte for byte. */
import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { UserId } from '../../../src/core/ids.ts';
import { rebuildProjections } from '../../../src/server/project/rebuild.ts';
import { type Api, creation, edit, type MemoryList, type Op, useServer, type Verdict } from '../../support/api.ts';
import { describeOnEachEngine } from '../../support/databases.ts';

type Step =
  | {
      readonly does: 'push';
      readonly device: number;
      readonly memory: number;
      readonly ms: number;
      readonly write: Write;
      readonly behind: number;
    }
  | { readonly does: 'put'; readonly memory: number; readonly content: string }
  | { readonly does: 'delete' | 'erase' | 'restore' | 'resolve'; readonly memory: number }
  | { readonly does: 'collect' | 'createAgain'; readonly memory: number };

interface Write {
  readonly path: string;
  readonly value: unknown;
}

const writeArb: fc.Arbitrary<Write> = fc.oneof(
  fc.record({ path: fc.constant('/content'), value: fc.constantFrom('a', 'b', 'ü "quoted" \\ ') }),
  fc.record({ path: fc.constant('/confidence'), value: fc.constantFrom(null, 0, -0, 0.1, 1e-300, 1, 7) }),
  fc.record({ path: fc.constant('/source'), value: fc.constantFrom(null, { title: 't', url: 'u' }, { platform: 'p' }) }),
  fc.record({ path: fc.constantFrom('/tags/a', '/tags/b,"c"', '/tags/NULL', '/tags/x~1y'), value: fc.boolean() }),
  fc.record({ path: fc.constant('/deleted'), value: fc.boolean() }),
);

const memory = fc.nat(2);

const stepArb: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      does: fc.constant('push' as const),
      device: fc.nat(2),
      memory,
      ms: fc.constantFrom(0, 1_764_000_000_000, 1_764_000_000_001, 4_102_444_800_000),
      write: writeArb,
      behind: fc.nat(6),
    }),
  },
  { weight: 2, arbitrary: fc.record({ does: fc.constant('put' as const), memory, content: fc.constantFrom('a', 'r') }) },
  {
    weight: 3,
    arbitrary: fc.record({ does: fc.constantFrom('delete' as const, 'restore' as const, 'resolve' as const), memory }),
  },
  { weight: 1, arbitrary: fc.record({ does: fc.constant('erase' as const), memory }) },
  { weight: 2, arbitrary: fc.record({ does: fc.constantFrom('collect' as const, 'createAgain' as const), memory }) },
);

/** Three devices that lag behind the log by some events, and somebody at the REST API. */
async function play(api: Api, steps: readonly Step[], collect: () => Promise<unknown>): Promise<void> {
  const ids = Array.from({ length: 3 }, () => randomUUID());
  const devices = Array.from({ length: 3 }, () => ({ id: randomUUID(), counter: 0 }));
  let head = 0;
  const push = async (index: number, base: number, op: Op): Promise<void> => {
    const device = devices[index];
    if (device === undefined) throw new RangeError(`no device ${index}`);
    const { status, body } = await api.push(device.id, ++device.counter, base, [op]);
    if (status !== 200) throw new Error(JSON.stringify(body));
    head = body.head;
  };
  // The third memory is written to before it exists: rejected ops are part of the history.
  for (const id of ids.slice(0, 2)) await push(0, head, creation(id, '1763000000000-65535'));
  for (const step of steps) {
    const id = ids[step.memory] ?? '';
    if (step.does === 'push')
      await push(step.device, Math.max(0, head - step.behind), edit(id, `${step.ms}-3`, step.write.path, step.write.value));
    else if (step.does === 'collect') await collect();
    else await act(api, step, id);
    head = await api.head();
  }
}

async function act(api: Api, step: Exclude<Step, { does: 'push' } | { does: 'collect' }>, id: string): Promise<void> {
  if (step.does === 'put') await api.call('PUT', `/memories/${id}`, { content: step.content });
  else if (step.does === 'createAgain')
    await api.call('POST', '/memories', { id, content: 'again', type: 'fact', scope: 'site' });
  else if (step.does === 'restore') await api.call('POST', `/memories/${id}/restore`, { seq: 2 });
  else if (step.does === 'resolve') {
    const { body } = await api.get<{ conflicts: readonly { readonly id: string }[] }>('/conflicts');
    await api.call('POST', `/conflicts/${body.conflicts[0]?.id ?? id}/resolve`, { keep: 'loser' });
  } else await api.call('DELETE', `/memories/${id}${step.does === 'erase' ? '?erase=true' : ''}`);
}

describeOnEachEngine('rebuild', (open) => {
  const fixture = useServer(open);

  it('[LOG-6] gives the same rows after any history, byte for byte, and the chain verifies', async () => {
    const { db } = fixture.server.deps;
    await fc.assert(
      fc.asyncProperty(fc.array(stepArb, { minLength: 4, maxLength: 25, size: 'max' }), async (steps) => {
        const api = await fixture.login();
        const userId = api.user.user.id as UserId;
        // In a time when every tombstone is old and no device is alive.
        const later = Date.now() + 86_400_000;
        const { append } = fixture.server.deps;
        await play(api, steps, () => append.submit({ kind: 'collect', userId, deletedBefore: later, seenAfter: later }));
        const report = await rebuildProjections(db, { userId });
        expect(report).toMatchObject({ users: 1, differing: 0, swapped: 0 });
        expect(report.firstDifference).toBeUndefined();
        expect((await api.get<Verdict>('/audit/verify')).body).toMatchObject({ verified: true });
      }),
      { numRuns: 25 },
    );
  }, 120_000);

  const tampers = [
    ['memories', 'content', "content = 'forged'"],
    ['memories', 'confidence', 'confidence = 0.25'],
    ['memories', 'tags', "tags = '{forged}'"],
    ['memories', 'source', `source = '{"title": "forged"}'`],
    ['memories', 'updated_ms', 'updated_ms = updated_ms + 1'],
    ['memories', 'stamps', "stamps = stamps || '\\x00'::bytea"],
    ['conflicts', 'loser_value', `loser_value = '"forged"'`],
    ['conflicts', 'resolution', "resolution = 'winner'"],
  ] as const;

  it('[LOG-6] finds a row that does not follow from the log, and puts the right one in its place', async () => {
    const { db } = fixture.server.deps;
    for (const [table, column, change] of tampers) {
      const api = await fixture.login();
      const [id, phone, laptop] = [randomUUID(), randomUUID(), randomUUID()];
      await api.push(phone, 1, 0, [creation(id, '1764000000000-0')]);
      await api.push(phone, 2, 1, [edit(id, '1764000000001-0', '/content', 'phone')]);
      await api.push(laptop, 1, 1, [edit(id, '1764000000002-0', '/content', 'laptop')]);
      const userId = api.user.user.id as UserId;
      await db.query(`update ${table} set ${change} where user_id = $1::uuid`, [userId]);
      const found = await rebuildProjections(db, { userId });
      expect(found, column).toMatchObject({ differing: 1, swapped: 0, firstDifference: { table, userId, column } });
      expect(await rebuildProjections(db, { userId, swap: true })).toMatchObject({ differing: 1, swapped: 1 });
      expect(await rebuildProjections(db, { userId })).toMatchObject({ differing: 0 });
      expect((await api.get<MemoryList>('/memories')).body.memories).toMatchObject([{ id, content: 'laptop' }]);
    }
  });

  it('[LOG-6] finds rows that are missing or too many, among all users', async () => {
    const { db } = fixture.server.deps;
    const api = await fixture.login();
    const { id } = await api.create();
    await db.query('update memories set id = $2::uuid where user_id = $1::uuid', [api.user.user.id, randomUUID()]);
    const progress: number[] = [];
    const report = await rebuildProjections(db, { swap: true, onProgress: ({ events }) => progress.push(events) });
    expect(report).toMatchObject({ differing: 1, swapped: 1, firstDifference: { table: 'memories', column: '*' } });
    expect(report.users).toBeGreaterThan(1);
    expect(progress.length).toBeGreaterThan(1);
    expect((await api.get<MemoryList>('/memories')).body.memories.map((memory) => memory.id)).toEqual([id]);
  });
});
