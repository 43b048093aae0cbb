/** Where the suites that need PostgreSQL and Redis find them: named in the environment, or in containers of their own. */
import type { GenericContainer, StartedTestContainer } from 'testcontainers';

export interface Services extends AsyncDisposable {
  /** For the tests: TEST_DATABASE_URL, TEST_REDIS_URL. */
  readonly env: Readonly<Record<string, string>>;
}

export type Choice = 'given' | 'containers' | 'none';

/** One of the two is enough: what needs the other is left out, by its suffix. */
export async function chooseServices(
  env: Readonly<Record<string, string | undefined>>,
  hasEngine: () => Promise<boolean>,
): Promise<Choice> {
  if (env['TEST_DATABASE_URL'] || env['TEST_REDIS_URL']) return 'given';
  return (await hasEngine()) ? 'containers' : 'none';
}

export const whatToDo = `these suites need PostgreSQL with pgvector, and Redis: set TEST_DATABASE_URL and TEST_REDIS_URL, start a Docker
engine (both then run in containers), or on Debian, as root: .ci/services up && eval "$(.ci/services env)"`;

/** Loads testcontainers, which takes its time: only where nothing is named. */
export async function hasDockerEngine(): Promise<boolean> {
  const { getContainerRuntimeClient } = await import('testcontainers');
  return getContainerRuntimeClient().then(
    () => true,
    () => false,
  );
}

export async function startContainers(): Promise<Services> {
  const { GenericContainer, Wait } = await import('testcontainers');
  const started: StartedTestContainer[] = [];
  const start = async (container: GenericContainer): Promise<StartedTestContainer> => {
    const running = await container.start();
    started.push(running);
    return running;
  };
  const stop = async (): Promise<void> => {
    await Promise.all(started.map((container) => container.stop()));
  };
  try {
    const postgres = new GenericContainer('pgvector/pgvector:0.8.2-pg17-trixie')
      .withEnvironment({ POSTGRES_DB: 'aibrain', POSTGRES_HOST_AUTH_METHOD: 'trust' })
      .withCommand(['postgres', '-c', 'max_connections=200', '-c', 'shared_buffers=1GB', '-c', 'maintenance_work_mem=512MB'])
      .withSharedMemorySize(1024 ** 3)
      .withExposedPorts(5432)
      // The first time it is ready it makes the cluster, and nobody can reach it.
      .withWaitStrategy(Wait.forLogMessage(/database system is ready to accept connections/, 2));
    const redis = new GenericContainer('redis:8.2-alpine')
      .withCommand(['redis-server', '--save', '', '--appendonly', 'no'])
      .withExposedPorts(6379)
      .withWaitStrategy(Wait.forLogMessage(/Ready to accept connections/));
    const [database, cache] = await Promise.all([start(postgres), start(redis)]);
    return {
      env: {
        TEST_DATABASE_URL: `postgres://postgres@${database.getHost()}:${database.getMappedPort(5432)}/aibrain`,
        TEST_REDIS_URL: `redis://${cache.getHost()}:${cache.getMappedPort(6379)}`,
      },
      [Symbol.asyncDispose]: stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}
