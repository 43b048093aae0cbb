/**
 * The whole API against its own document: sequences of requests of two users, made of the document's schemas, right or wrong in
 * one place. `npm run fuzz:api -- --runs 1000` makes others and more of them. A failure prints the seed and the path that bring
 * it back (`--seed`, `--path`), and the shortest sequence that shows it.
 */
import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Api, type ConflictList, createApi } from '../support/api.ts';
import { type Contract, type Operation, readContract } from '../support/openapi.ts';
import { callOperation } from '../support/operation-call.ts';
import { startTestServer, type TestServer } from '../support/server.ts';
import { type Step, stepArbitrary } from './request-arbitrary.ts';
import { knownIds } from './schema-arbitrary.ts';
import { contest } from './valid-requests.ts';
import { faultOf } from './verdict.ts';

const { FUZZ_RUNS, FUZZ_SEED, FUZZ_PATH, FUZZ_SHRINK } = process.env;
/** In the suite always the same sequences: what fails there failed because of a change. */
const usual = { runs: 12, seed: 20_261_124 };
const isSuite = !FUZZ_RUNS && !FUZZ_SEED;

let server: TestServer;
let contract: Contract;
beforeAll(async () => {
  server = await startTestServer();
  contract = await readContract(server.url);
});
afterAll(() => server?.[Symbol.asyncDispose]());

interface Scene {
  readonly first: Api;
  readonly second: Api;
  readonly cursors: string[];
}

it('[API-3] [SEC-2] whatever is sent, the answer is one that is documented, and what is refused writes nothing', async () => {
  const outcomes = new Map<string, number>();
  await fc.assert(
    fc.asyncProperty(fc.array(stepArbitrary(contract), { minLength: 1, maxLength: 60, size: 'max' }), async (steps) => {
      const scene: Scene = { first: await furnished(), second: await furnished(), cursors: [] };
      for (const step of steps) {
        const outcome = await take(scene, step);
        outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
      }
    }),
    {
      numRuns: Number(FUZZ_RUNS || usual.runs),
      ...((isSuite || FUZZ_SEED) && { seed: Number(FUZZ_SEED || usual.seed) }),
      ...(FUZZ_PATH && { path: FUZZ_PATH }),
      endOnFailure: FUZZ_SHRINK === 'off',
    },
  );
  // A run that is refused everywhere proves nothing.
  const kinds = [...outcomes.keys()];
  const countOf = (status: RegExp): number => kinds.filter((outcome) => status.test(outcome)).length;
  if (isSuite) expect([countOf(/ 2\d\d/) > 15, countOf(/ 4\d\d/) > 30]).toEqual([true, true]);
  if (!isSuite) process.stdout.write(`${summaryOf(outcomes)}\n`);
}, 3_700_000);

const login = async (): Promise<Api> => createApi(server.url, await server.register());

/** Has some of the memories that the requests name, and a conflict. */
async function furnished(): Promise<Api> {
  const api = await login();
  await contest(api);
  for (const id of knownIds.slice(0, 3)) await api.create({ id, tags: ['a'] });
  return api;
}

/** Sends it, judges the answer, and tells the outcome. */
async function take(scene: Scene, planned: Step): Promise<string> {
  const operation = contract.operations.get(planned.operationId);
  if (operation === undefined) throw new Error(`there is no operation ${planned.operationId}`);
  const api = scene[planned.who];
  const step = await withWhatIsThere(scene, api, operation, planned);
  const before = await heads(scene);
  const token = { own: api.user.token, none: null, garbage: 'garbage' }[step.token];
  const { params, query, headers, body, mediaType } = step;
  const answer = await callOperation(
    server.url,
    operation,
    { params, query, headers, body, ...(mediaType && { mediaType }) },
    token,
  );
  const fault = faultOf(contract, operation, step, answer) ?? writesFault(answer.status, step.who, before, await heads(scene));
  if (fault !== null)
    throw new Error(
      `${fault}\n${operation.method} ${operation.path} ${JSON.stringify(step)}\n→ ${answer.status} ${JSON.stringify(answer.body)}`,
    );
  const { nextCursor, cursor } = (answer.body ?? {}) as { nextCursor?: unknown; cursor?: unknown };
  for (const next of [nextCursor, cursor]) if (typeof next === 'string') scene.cursors.push(next);
  return contract.outcomeOf(operation, answer);
}

/** Ids that the server makes, and cursors, are those of this moment. */
async function withWhatIsThere(
  { cursors }: Scene,
  api: Api,
  { operationId, parameters = [] }: Operation,
  step: Step,
): Promise<Step> {
  if (operationId === 'resolveConflict' && step.pick > 2) {
    const { conflicts } = (await api.get<ConflictList>('/conflicts')).body;
    const conflict = conflicts[step.pick % Math.max(1, conflicts.length)];
    return conflict === undefined ? step : { ...step, params: { id: conflict.id } };
  }
  // A device of the user itself is not revoked: what comes behind would find every door closed.
  if (operationId === 'revokeDevice' && step.params['id'] === api.user.device.id) return { ...step, token: 'none' };
  const cursor = cursors[cursors.length - 1 - step.pick];
  if (cursor === undefined || !parameters.some(({ name }) => name === 'cursor') || step.query['cursor'] !== undefined)
    return step;
  return { ...step, query: { ...step.query, cursor } };
}

type Heads = Readonly<Record<Step['who'], number>>;

async function heads({ first, second }: Scene): Promise<Heads> {
  const rows = await server.deps.db.query<{ userId: string; seq: number }>(
    'select user_id as "userId", seq from user_heads where user_id = any($1::uuid[])',
    [[first.user.user.id, second.user.user.id]],
  );
  const seqOf = (api: Api): number => rows.find(({ userId }) => userId === api.user.user.id)?.seq ?? 0;
  return { first: seqOf(first), second: seqOf(second) };
}

function writesFault(status: number, who: Step['who'], before: Heads, after: Heads): string | null {
  const other = who === 'first' ? 'second' : 'first';
  if (before[other] !== after[other]) return 'the log of another user grew';
  return status >= 400 && before[who] !== after[who] ? 'a refused request wrote' : null;
}

function summaryOf(outcomes: ReadonlyMap<string, number>): string {
  const lines = [...outcomes]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([outcome, count]) => `${String(count).padStart(7)}  ${outcome}`);
  const total = [...outcomes.values()].reduce((sum, count) => sum + count, 0);
  return `${lines.join('\n')}\n${total} requests, ${outcomes.size} outcomes`;
}
