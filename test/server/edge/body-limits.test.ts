/** Every route that takes a body has a bound for it, and every list a largest page: as docs/LIMITS.md says. */
import { readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ingestLimits } from '../../../src/server/edge/http-ingest.ts';
import { httpLimits } from '../../../src/server/edge/http-limits.ts';
import { transferLimits } from '../../../src/server/transfer/item.ts';
import { send } from '../../support/http.ts';
import { startTestServer, type TestServer, type TestUser } from '../../support/server.ts';

interface Operation {
  readonly requestBody?: { readonly content: Readonly<Record<string, unknown>> };
  readonly parameters: readonly { readonly name: string; readonly in: string; readonly schema: { readonly maximum?: number } }[];
}

const limits = readFileSync(join(import.meta.dirname, '../../../docs/LIMITS.md'), 'utf8').split('\n');

describe('bounds of requests', () => {
  let server: TestServer;
  let user: TestUser;
  let operations: readonly { readonly method: string; readonly path: string; readonly operation: Operation }[];
  beforeAll(async () => {
    server = await startTestServer();
    user = await server.register();
    const document = (await (await fetch(`${server.url}/openapi.json`)).json()) as {
      readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
    };
    operations = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, operation]) => ({ method: method.toUpperCase(), path, operation })),
    );
  });
  afterAll(() => server?.[Symbol.asyncDispose]());

  /** The status of a request that says how long its body is, and sends none of it. */
  async function announce(method: string, path: string, type: string, bytes: number): Promise<number> {
    const socket = connect(Number(new URL(server.url).port), '127.0.0.1');
    const url = path.replace(/\{\w+\}/g, '018f0000-0000-7000-8000-000000000001');
    const head = [`${method} ${url} HTTP/1.1`, 'host: x', `authorization: Bearer ${user.token}`, `content-type: ${type}`];
    socket.write(`${[...head, `content-length: ${bytes}`].join('\r\n')}\r\n\r\n`);
    const [chunk] = await new Promise<[Buffer]>((resolve, reject) => {
      socket.once('data', (data: Buffer) => resolve([data]));
      socket.once('error', reject);
    });
    socket.destroy();
    return Number(/^HTTP\/1\.1 (\d{3})/.exec(chunk.toString())?.[1]);
  }

  it('[SEC-3] every route that takes a body refuses one that is too large before it has come', async () => {
    const withBody = operations.filter(({ operation }) => operation.requestBody !== undefined);
    expect(withBody.length).toBeGreaterThan(10);
    const bytesByPath: Readonly<Record<string, number>> = {
      '/api/v1/memories/import': transferLimits.fileBytes,
      '/api/v1/memories/ingest': ingestLimits.bodyBytes,
    };
    for (const { method, path, operation } of withBody) {
      const [type = ''] = Object.keys(operation.requestBody?.content ?? {});
      const bytes = bytesByPath[path] ?? server.config.bodyLimitBytes;
      expect([method, path, await announce(method, path, type, bytes + 1)]).toEqual([method, path, 413]);
    }
  });

  it('[SEC-16] so many large bodies of one user are on their way, and no other user is kept from theirs', async () => {
    const sockets: Socket[] = [];
    /** Begins a body that does not come. @returns the status, if one comes. */
    const begin = async (token: string): Promise<number> => {
      const socket = connect(Number(new URL(server.url).port), '127.0.0.1');
      sockets.push(socket);
      const head = [
        'POST /api/v1/memories HTTP/1.1',
        'host: x',
        `authorization: Bearer ${token}`,
        'content-type: application/json',
      ];
      socket.write(`${[...head, `content-length: ${httpLimits.largeBodyBytes + 1}`].join('\r\n')}\r\n\r\n`);
      return new Promise((resolve) => {
        socket.once('data', (data) => resolve(Number(/^HTTP\/1\.1 (\d{3})/.exec(data.toString())?.[1])));
      });
    };
    const post = async (token: string): Promise<number> => {
      const memory = JSON.stringify({ content: 'Tea', type: 'fact', scope: 'user_global' });
      const body = memory.padEnd(httpLimits.largeBodyBytes + 1);
      return (await send('POST', `${server.url}/api/v1/memories`, { token, body })).status;
    };
    const begun = Array.from({ length: httpLimits.largeBodiesOfOne + 1 }, () => begin(user.token));
    expect(await Promise.race(begun)).toBe(429);
    expect(await post(user.token)).toBe(429);
    expect(await post((await server.register()).token)).toBe(201);
    for (const socket of sockets) socket.destroy();
    // The places are free once the server has seen the ends too.
    let status = await post(user.token);
    while (status === 429) status = await post(user.token);
    expect(status).toBe(201);
  });

  it('[SEC-3] every list has a largest page, and the table of limits says it', () => {
    const lists = operations.flatMap(({ method, path, operation }) =>
      operation.parameters
        .filter((parameter) => parameter.in === 'query' && parameter.name === 'limit')
        .map(({ schema }) => ({ name: `${method} ${path}`, maximum: schema.maximum })),
    );
    expect(lists.length).toBeGreaterThan(4);
    for (const { name, maximum } of lists) {
      const row = limits.find((line) => line.includes(`\`${name}\``));
      const told = Number(row?.split('|')[2]?.replaceAll(',', ''));
      expect([name, told]).toEqual([name, maximum]);
    }
  });
});
