/**
 * `npm run soak -- [--minutes 30] [--kill-every 150] [--seed 1] [--users 8] [--devices 3] [--sabotage drop|alter]`: mixed load at two
 * servers on a PostgreSQL and a Redis of their own, which are killed with SIGKILL by turns; afterwards nothing that was acknowledged
 * may be missing. bench/README.md says what is looked at.
 */
import { randomUUID } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { runAibrain } from './aibrain-command.ts';
import { type Cleanup, createCleanup } from './cleanup.ts';
import { describeMachine } from './machine.ts';
import { readPostgresVersion } from './postgres-version.ts';
import { createRandom } from './random.ts';
import { startBalancer } from './soak/balancer.ts';
import { type Fault, runFaults } from './soak/faults.ts';
import { freePort } from './soak/free-port.ts';
import { createNode, type SoakNode } from './soak/node.ts';
import { createObservations, type Observations } from './soak/observations.ts';
import { parseSoakOptions, type SoakOptions } from './soak/options.ts';
import { createPlayer, type Player, type PlayerVerdict } from './soak/player.ts';
import { failuresOf, formatResult, type SoakResult } from './soak/result.ts';
import { reportRss } from './soak/rss-report.ts';
import { sabotage } from './soak/sabotage.ts';
import type { Service } from './soak/service.ts';
import { createPostgresService, createRedisService } from './soak/services.ts';
import { createAsk } from './soak/session.ts';

const root = join(import.meta.dirname, '../..');
const sampleEveryMs = 10_000;
/** Of a client's own waits the longest are 60 s. */
const settleLimitMs = 120_000;

const options = parseSoakOptions(process.argv.slice(2));
const cleanup = createCleanup();
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.once(signal, async () => {
    await cleanup.runAll();
    process.exit(130);
  });
const startedAt = performance.now();
const log = (text: string): void => console.log(`${Math.round((performance.now() - startedAt) / 1_000)} s: ${text}`);
try {
  const result = await soak(cleanup, options);
  await mkdir(join(root, 'bench/results'), { recursive: true });
  await writeFile(join(root, 'bench/results/soak.json'), `${JSON.stringify(result, null, 2)}\n`);
  console.log(`\n${formatResult(result)}\n\nbench/results/soak.json`);
  if (Object.values(failuresOf(result)).some((broken) => broken.length > 0)) process.exitCode = 1;
} catch (error) {
  console.error(error);
  process.exitCode = 1;
} finally {
  await cleanup.runAll();
}
process.exit();

async function soak(cleanup: Cleanup, options: SoakOptions): Promise<SoakResult> {
  const begun = new Date();
  const observations = createObservations(() => performance.now());
  const [postgresql, redis] = [
    await createPostgresService(cleanup, join(root, 'data')),
    await createRedisService(cleanup, join(root, 'data')),
  ];
  const nodes = await startNodes(cleanup, options, { postgresql, redis });
  const { url } = await startBalancer(
    cleanup,
    nodes.map((node) => Number(new URL(node.url).port)),
  );
  const ask = createAsk(url, observations);
  const spec = (user: number) => ({
    url,
    email: `user-${user}@soak.example`,
    devices: options.devicesPerUser,
    seed: options.seed * 1_000 + user,
  });
  const players: Player[] = [];
  for (let user = 0; user < options.users; user++) players.push(await createPlayer(ask, observations, spec(user)));
  log(`${options.users} users with ${options.devicesPerUser} devices each, at ${nodes.map((node) => node.url).join(' and ')}`);
  const faults = await play(players, { nodes, services: [postgresql, redis], observations, options });
  log('the load has ended; devices come into step');
  for (const player of players) await player.settle(settleLimitMs).catch((error: Error) => observations.violated(error.message));
  if (options.sabotage !== null) await sabotage(postgresql.url, options.sabotage);
  const verdict = merge(await Promise.all(players.map((player) => player.check())));
  for (const player of players) await player.close();
  for (const node of nodes) await node.stop();
  const place = { engine: 'postgresql', databaseUrl: postgresql.url } as const;
  log('aibrain verify, aibrain rebuild');
  const verify = await runAibrain(cleanup, place, 'verify');
  const rebuild = await runAibrain(cleanup, place, 'rebuild');
  const writes = players.flatMap(({ ledger }) => ledger.writes);
  const acked = writes.filter(({ state }) => state === 'acked');
  const sum = (of: (player: Player) => number): number => players.reduce((total, player) => total + of(player), 0);
  return {
    startedAt: begun.toISOString(),
    endedAt: new Date().toISOString(),
    machine: describeMachine(await readPostgresVersion(postgresql.url)),
    options,
    faults,
    writes: {
      acked: acked.length,
      unknown: writes.length - acked.length,
      deletes: sum(({ ledger }) => ledger.deleted.length),
      byDevices: acked.filter(({ device }) => device !== null).length,
    },
    sessions: { refreshes: sum(({ session }) => session.counts.refreshes), logins: sum(({ session }) => session.counts.logins) },
    verdict,
    verify,
    rebuild,
    rss: nodes.map(reportRss),
    observations: observations.report,
  };
}

interface Parts {
  readonly postgresql: Service;
  readonly redis: Service;
}

async function startNodes(
  cleanup: Cleanup,
  { nodeArgs }: SoakOptions,
  { postgresql, redis }: Parts,
): Promise<readonly SoakNode[]> {
  const env = {
    DATABASE_URL: postgresql.url,
    REDIS_URL: redis.url,
    JWT_SECRET: randomUUID() + randomUUID(),
    RATE_LIMIT: 'off',
    LOG_LEVEL: 'warn',
    // Short, so that every device renews its token on the open socket many times.
    ACCESS_TOKEN_MINUTES: '1',
  };
  const nodes: SoakNode[] = [];
  for (const name of ['server 1', 'server 2']) {
    const node = createNode(cleanup, { name, port: await freePort(), nodeArgs, env });
    await node.start();
    nodes.push(node);
  }
  return nodes;
}

interface Play {
  readonly nodes: readonly SoakNode[];
  readonly services: readonly Service[];
  readonly observations: Observations;
  readonly options: SoakOptions;
}

/** The load, the kills and the samples, for as long as was asked for. */
async function play(players: readonly Player[], { nodes, services, observations, options }: Play): Promise<readonly Fault[]> {
  const [load, kills, samples] = [new AbortController(), new AbortController(), new AbortController()];
  const playing = Promise.all(players.map((player) => player.run(load.signal)));
  const killing = runFaults(
    { nodes, services, observations, random: createRandom(options.seed), log },
    options.killEverySeconds,
    kills.signal,
  );
  const sampling = sample(nodes, samples.signal);
  const over = sleep(options.minutes * 60_000);
  // A worker that throws ends the soak at once.
  await Promise.race([over, Promise.all([playing, over]), Promise.all([killing, over])]);
  // First the kills: what is down comes back, so that what is under way can be brought to its end.
  kills.abort();
  const faults = await killing;
  load.abort();
  await playing;
  samples.abort();
  await sampling;
  return faults;
}

async function sample(nodes: readonly SoakNode[], signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    for (const node of nodes) await node.sample();
    await sleep(sampleEveryMs, undefined, { signal }).catch(() => undefined);
  }
}

function merge(verdicts: readonly PlayerVerdict[]): PlayerVerdict {
  return {
    events: verdicts.reduce((sum, { events }) => sum + events, 0),
    lost: verdicts.flatMap(({ lost }) => lost),
    doubled: verdicts.flatMap(({ doubled }) => doubled),
    strange: verdicts.flatMap(({ strange }) => strange),
    diverged: verdicts.flatMap(({ diverged }) => diverged),
  };
}
