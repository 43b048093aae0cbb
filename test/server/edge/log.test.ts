/** What is in the log after a user's day at the most talkative level, and what is not. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { watchDatabase } from '../../../src/server/observe/watch-database.ts';
import { createApi } from '../../support/api.ts';
import { type Exercise, exercise, startExerciseVendor } from '../../support/exercise.ts';
import { send } from '../../support/http.ts';
import type { OpenAiServer } from '../../support/openai-server.ts';
import { startTestServer, type TestServer } from '../../support/server.ts';

interface Line {
  readonly level: number;
  readonly msg: string;
  readonly requestId?: string;
  readonly [key: string]: unknown;
}

describe('the log', () => {
  let vendor: OpenAiServer;
  let server: TestServer;
  let done: Exercise;
  let text = '';
  const lines = (): readonly Line[] =>
    text
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as Line);
  const said = (msg: string): readonly Line[] => lines().filter((line) => line.msg === msg);

  beforeAll(async () => {
    const made = await startExerciseVendor();
    vendor = made.vendor;
    const log = {
      write(line: string): void {
        text += line;
      },
    };
    // Passwords are hashed for longer than that.
    server = await startTestServer({
      log,
      env: { ...made.env, LOG_LEVEL: 'trace', SLOW_REQUEST_MS: '5', SLOW_STATEMENT_MS: '20' },
    });
    done = await exercise(server);
  }, 120_000);
  afterAll(async () => {
    await server?.[Symbol.asyncDispose]();
    await vendor?.[Symbol.asyncDispose]();
  });

  it('[SEC-4] no content, e-mail, password, token or key is in it, at any level', () => {
    expect(said('request').length).toBeGreaterThanOrEqual(20);
    for (const secret of done.secrets) {
      expect(text).not.toContain(secret);
      expect(text).not.toContain(encodeURIComponent(secret));
    }
    expect(text).not.toContain('example.org');
    expect(text.toLowerCase()).not.toContain('authorization');
  });

  it('a request that is slow is warned of by its route', () => {
    const slow = said('slow request').find(({ route }) => route === '/api/v1/auth/register');
    expect(slow).toMatchObject({ level: 40, method: 'POST', ms: expect.any(Number), requestId: expect.any(String) });
    expect(JSON.stringify(said('slow request'))).not.toContain('token=');
  });

  it('a statement that is slow is warned of by its name, never by its text', async () => {
    // Work rather than sleep, which the embedded database does not do.
    const { db, log, metrics } = server.deps;
    const watched = watchDatabase(db, { metrics: metrics.database, tracing: null, log }, { slowMs: 20 });
    await watched.query({ name: 'counts-far', text: 'select count(*) from generate_series(1, $1::int)' }, [3_000_000]);
    await watched.query(`select count(*), 'a value' from generate_series(1, 3000000)`);
    const slow = said('slow statement');
    expect(slow).toContainEqual(expect.objectContaining({ level: 40, statement: 'counts-far' }));
    expect(slow).toContainEqual(expect.objectContaining({ statement: 'select' }));
    expect(text).not.toMatch(/generate_series|a value/);
  });

  it('what fails inside of a request is told with its id', async () => {
    const api = createApi(server.url, await server.register());
    vendor.onEmbedding = null;
    vendor.onChat = () => ({ status: 401 });
    await api.create({ content: 'Tea' });
    const search = await api.call('POST', '/memories/search', { query: 'tea' });
    const ingest = await api.call('POST', '/memories/ingest', { messages: [{ role: 'user', content: 'I like tea.' }] });
    expect([search.status, ingest.status]).toEqual([200, 502]);
    expect(said('a search went on without vectors').map(({ requestId }) => requestId)).toContain(
      search.headers.get('x-request-id'),
    );
    expect(said('a conversation was not read')).toEqual([
      expect.objectContaining({
        requestId: ingest.headers.get('x-request-id'),
        failure: expect.objectContaining({ reason: 'status 401' }),
      }),
    ]);
  });

  it('nothing is slow where it is switched off', async () => {
    let quiet = '';
    const log = {
      write(line: string): void {
        quiet += line;
      },
    };
    await using other = await startTestServer({ log, env: { SLOW_REQUEST_MS: '0', SLOW_STATEMENT_MS: '0' } });
    await other.register();
    await other.deps.db.query('select pg_sleep(0.6)');
    expect((await send('GET', `${other.url}/health`)).status).toBe(200);
    expect(quiet).toContain('"request"');
    expect(quiet).not.toContain('slow');
  });
});
