/** What is told of a group, to whoever counts: its size, its way, and who had to be planned again. */
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { createAppendCache } from '../../../src/server/command/append-cache.ts';
import type { AppendRequest } from '../../../src/server/command/append-request.ts';
import {
  createGroupCommit,
  type GroupCommit,
  type GroupReport,
  type GroupStep,
} from '../../../src/server/command/group-commit.ts';
import type { PlanTally } from '../../../src/server/command/user-plan.ts';
import { createDatabaseUser, creation, newMemoryId, op, push } from '../../support/append.ts';
import { describeOnEachEngine, type TestDatabase } from '../../support/databases.ts';
import { testMode } from '../../support/test-mode.ts';

describeOnEachEngine('the report of a group', (open) => {
  let place: TestDatabase;
  const reports: GroupReport[] = [];
  const tallies: PlanTally[] = [];
  const steps: { readonly step: GroupStep; readonly requests: readonly AppendRequest[] }[] = [];
  beforeAll(async () => {
    place = await open();
  });
  beforeEach(() => {
    for (const list of [reports, tallies, steps]) list.length = 0;
  });
  afterAll(() => place?.[Symbol.asyncDispose]());

  const watchedNode = (): GroupCommit =>
    createGroupCommit({
      db: place.db,
      now: Date.now,
      cache: createAppendCache(),
      oneUser: testMode.oneUser,
      onCommitted: (plan) => tallies.push(plan.tally),
      onGroup: (report) => reports.push(report),
      around(step, requests, work) {
        steps.push({ step, requests: requests() });
        return work();
      },
    });
  const creations = (count: number) => Array.from({ length: count }, () => op(newMemoryId(), creation('tea')));

  it('has ops, users and the way that it was written', async () => {
    const node = watchedNode();
    const [one, two] = [await createDatabaseUser(place.db), await createDatabaseUser(place.db)];
    const requests = [push(one, 1, 1, 0, creations(2)), push(two, 1, 1, 0, creations(3))];
    await Promise.all(requests.map((request) => node.submit(request)));
    await node.idle();
    expect(reports).toEqual([{ requests: 2, ops: 5, users: 2, replanned: 0, way: 'statement', ms: expect.any(Number) }]);
    expect(steps.map(({ step }) => step)).toEqual(['plan', 'commit']);
    for (const step of steps) expect(step.requests).toEqual(requests);
    await node.submit(push(one, 1, 3, 2, creations(150)));
    await node.idle();
    expect(reports[1]).toMatchObject({ requests: 1, ops: 150, users: 1, way: 'copy' });
    expect(node.queued()).toBe(0);
  });

  it('counts the users whose head another node had moved', async () => {
    const [here, elsewhere] = [watchedNode(), watchedNode()];
    const user = await createDatabaseUser(place.db, 2);
    await here.submit(push(user, 1, 1, 0, creations(1)));
    await elsewhere.submit(push(user, 2, 1, 0, creations(1)));
    await here.submit(push(user, 1, 2, 0, creations(1)));
    await Promise.all([here.idle(), elsewhere.idle()]);
    expect(reports.map(({ replanned }) => replanned)).toEqual([0, 0, 1]);
  });

  it('counts what became of the ops, and the conflicts that they opened and closed', async () => {
    const node = watchedNode();
    const user = await createDatabaseUser(place.db, 2);
    const id = newMemoryId();
    const tea = (value: string) => [{ register: 'content', value }] as never;
    await node.submit(push(user, 1, 1, 0, [op(id, creation('tea'))]));
    await node.submit(push(user, 1, 2, 1, [op(id, tea('green tea'))]));
    // Has not seen the change: one of the two loses.
    await node.submit(push(user, 2, 1, 1, [op(id, tea('black tea')), op(newMemoryId(), tea('of nothing'))]));
    // Has seen both, and decides.
    await node.submit(push(user, 1, 3, 4, [op(id, tea('white tea'))]));
    await node.idle();
    const sum = (pick: (tally: PlanTally) => number): number => tallies.reduce((total, tally) => total + pick(tally), 0);
    expect(sum((tally) => tally.applied + tally.superseded)).toBe(4);
    expect(sum((tally) => tally.rejected)).toBe(1);
    expect(sum((tally) => tally.conflictsOpened)).toBe(1);
    expect(sum((tally) => tally.conflictsClosed)).toBe(1);
  });
});
