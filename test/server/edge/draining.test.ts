import { once } from 'node:events';
import { connect } from 'node:net';
import { describe, expect, it } from 'vitest';
import { startTestServer } from '../../support/server.ts';

describe('a server that is closed', () => {
  it('[house] does not wait for connections that never asked for anything', async () => {
    const server = await startTestServer();
    const socket = connect(Number(new URL(server.url).port), '127.0.0.1');
    await once(socket, 'connect');
    const ended = once(socket, 'close');
    // The server has accepted it: what comes after it on another connection is answered.
    expect((await fetch(`${server.url}/health`)).status).toBe(200);
    await server[Symbol.asyncDispose]();
    await ended;
  });
});
