/** Traces as a collector receives them: what is in them, how they hang together, and that nobody is disturbed by them. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createApi } from '../../support/api.ts';
import { type Exercise, exercise, startExerciseVendor } from '../../support/exercise.ts';
import type { OpenAiServer } from '../../support/openai-server.ts';
import { startTestServer, type TestServer } from '../../support/server.ts';
import { attributeOf, type ReceivedSpan, startTraceServer, type TraceServer } from '../../support/trace-server.ts';

const caller = { traceId: '0af7651916cd43dd8448eb211c80319c', spanId: 'b7ad6b7169203331' };

const crowd = Array.from({ length: 30 }, (_, index) => ({
  traceId: (index + 1).toString(16).padStart(32, 'c'),
  path: `/health?of=${index}`,
}));

describe('traces', () => {
  let receiver: TraceServer;
  let vendor: OpenAiServer;
  let done: Exercise;
  let log = '';
  beforeAll(async () => {
    receiver = await startTraceServer();
    const made = await startExerciseVendor();
    vendor = made.vendor;
    const env = {
      ...made.env,
      OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url,
      OTEL_EXPORTER_OTLP_HEADERS: 'x-key=of%20the%20collector',
    };
    const destination = {
      write(line: string): void {
        log += line;
      },
    };
    // Its end sends what is left.
    await using server = await startTestServer({ env, log: destination });
    done = await exercise(server);
    await callFromTrace(server);
    await callAtOnce(server);
  }, 120_000);
  afterAll(async () => {
    await receiver?.[Symbol.asyncDispose]();
    await vendor?.[Symbol.asyncDispose]();
  });

  async function callFromTrace(server: TestServer): Promise<void> {
    const api = createApi(server.url, await server.register());
    const body = { content: 'Tea', type: 'fact', scope: 'user_global' };
    await api.call('POST', '/memories', body, { traceparent: `00-${caller.traceId}-${caller.spanId}-01` });
  }

  /** Each from a trace of its own, over connections that were used before, so that they arrive together. */
  async function callAtOnce(server: TestServer): Promise<void> {
    const { port, host } = new URL(server.url);
    const sockets = await Promise.all(crowd.map(() => openConnection(Number(port))));
    const answered = async (): Promise<unknown> => Promise.all(sockets.map((socket) => once(socket, 'data')));
    const ask = (index: number, path: string, more = ''): void =>
      void sockets[index]?.write(`GET ${path} HTTP/1.1\r\nhost: ${host}\r\n${more}\r\n`);
    for (const index of crowd.keys()) ask(index, '/health');
    await answered();
    for (const [index, { traceId, path }] of crowd.entries())
      ask(index, path, `traceparent: 00-${traceId}-${caller.spanId}-01\r\n`);
    await answered();
    for (const socket of sockets) socket.destroy();
  }

  async function openConnection(port: number): Promise<Socket> {
    const socket = connect(port, '127.0.0.1');
    await once(socket, 'connect');
    return socket;
  }

  const named = (name: string): readonly ReceivedSpan[] => receiver.spans.filter((span) => span.name === name);
  const first = (name: string): ReceivedSpan => {
    const [span] = named(name);
    if (span === undefined)
      throw new Error(`no span ${name} among ${[...new Set(receiver.spans.map((s) => s.name))].join(', ')}`);
    return span;
  };
  const parentOf = (span: ReceivedSpan): ReceivedSpan | undefined =>
    receiver.spans.find(({ spanId }) => spanId === span.parentSpanId);

  it('a request has a span by its route, under the caller’s own where it names one', () => {
    const request = named('POST /api/v1/memories').find((span) => span.traceId === caller.traceId);
    expect(request).toMatchObject({ kind: 2, parentSpanId: caller.spanId });
    if (request === undefined) return;
    expect(attributeOf(request, 'http.route')).toBe('/api/v1/memories');
    expect(attributeOf(request, 'http.request.method')).toBe('POST');
    expect(Number(attributeOf(request, 'http.response.status_code'))).toBe(201);
    expect(first('POST /api/v1/auth/register').parentSpanId).toBeUndefined();
  });

  it('a write waits in its request for a group, which is linked to it and the child of none', () => {
    const append = receiver.spans.find((span) => span.name === 'append' && span.traceId === caller.traceId);
    expect(append === undefined ? undefined : parentOf(append)?.name).toBe('POST /api/v1/memories');
    const commit = named('append commit').find(({ links = [] }) => links.some(({ traceId }) => traceId === caller.traceId));
    expect(commit).toBeDefined();
    expect(commit?.parentSpanId).toBeUndefined();
    expect(commit?.traceId).not.toBe(caller.traceId);
    const statement = receiver.spans.find((span) => span.parentSpanId === commit?.spanId);
    expect(statement).toMatchObject({ name: 'append-single', kind: 3 });
    expect(named('append plan').length).toBeGreaterThan(0);
  });

  it('requests that are answered together are each logged in their own trace', () => {
    const lines = log
      .split('\n')
      .filter((line) => line.includes('/health?of='))
      .map((line) => JSON.parse(line) as { readonly traceId: string; readonly req: { readonly url: string } });
    expect(new Map(lines.map((line) => [line.req.url, line.traceId]))).toEqual(
      new Map(crowd.map(({ path, traceId }) => [path, traceId])),
    );
  });

  it('a PUSH over a socket has a span of its own, with its ops', () => {
    const push = first('PUSH');
    expect(push.parentSpanId).toBeUndefined();
    expect(Number(attributeOf(push, 'aibrain.ops'))).toBe(1);
    expect(receiver.spans.some((span) => span.name === 'append' && span.parentSpanId === push.spanId)).toBe(true);
  });

  it('a statement hangs below the request that waits for it, by its name', () => {
    const found = first('read-found-memories');
    expect(parentOf(found)?.name).toBe('POST /api/v1/memories/search');
    expect(attributeOf(found, 'db.system.name')).toBe('postgresql');
  });

  it('a vendor is asked in spans of the conventions for generative models', () => {
    const embedding = named('embeddings text-embedding-3-small').find((span) => attributeOf(span, 'aibrain.use') === 'query');
    expect(embedding === undefined ? undefined : parentOf(embedding)?.name).toBe('POST /api/v1/memories/search');
    const chat = first('chat gpt-4o-mini');
    expect(parentOf(chat)?.name).toBe('POST /api/v1/memories/ingest');
    expect(Number(attributeOf(chat, 'gen_ai.usage.input_tokens'))).toBe(11);
    const call = receiver.spans.find((span) => span.parentSpanId === chat.spanId);
    expect(call).toMatchObject({ name: 'POST', kind: 3 });
  });

  it('[SEC-4] nothing secret is in them, and no value of a statement', () => {
    const sent = receiver.bodies.join('\n');
    expect(sent).toContain('aibrain');
    for (const secret of done.secrets) expect(sent).not.toContain(secret);
    expect(sent).not.toContain('example.org');
    expect(sent).not.toMatch(/\$\d|insert into|halfvec/);
    expect(receiver.spans.every(({ status }) => status.message === undefined || status.message === '')).toBe(true);
  });

  it('the headers that the collector wants go with them, and the log names the trace', () => {
    expect(receiver.headers.every((headers) => headers['x-key'] === 'of the collector')).toBe(true);
    expect(log).toContain(`"traceId":"${caller.traceId}"`);
  });
});

describe('a collector that is no help', () => {
  const serveAndWrite = async (endpoint: string): Promise<number> => {
    await using server = await startTestServer({ env: { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint } });
    const api = createApi(server.url, await server.register());
    await api.create();
    const { status } = await api.get('/memories');
    return status;
  };

  it('is not there: the server serves and ends', async () => {
    // A port that was free a moment ago.
    const probe = createServer();
    await new Promise<void>((resolve) => probe.listen(0, '127.0.0.1', resolve));
    const { port } = probe.address() as AddressInfo;
    await new Promise((resolve) => probe.close(resolve));
    expect(await serveAndWrite(`http://127.0.0.1:${port}`)).toBe(200);
  });

  it('never answers: the server serves and ends', async () => {
    const silent = createServer(() => {});
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    const { port } = silent.address() as AddressInfo;
    expect(await serveAndWrite(`http://127.0.0.1:${port}`)).toBe(200);
    silent.closeAllConnections();
    await new Promise((resolve) => silent.close(resolve));
  });
});
