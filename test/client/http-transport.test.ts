import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it } from 'vitest';
import { browserEnvironment } from '../../src/client/environment.ts';
import { openHttpTransport } from '../../src/client/http-transport.ts';
import type { Transport, TransportEnd } from '../../src/client/transport.ts';
import type { DeviceId } from '../../src/core/ids.ts';

const hello = {
  type: 'HELLO',
  protocol: 1,
  flags: 0,
  device: '019309aa-0000-7000-8000-000000000001' as DeviceId,
  epoch: null,
  cursor: 0,
  lastCounter: 0,
  now: 0,
} as const;

async function withServer(listener: RequestListener, work: (apiUrl: string) => Promise<void>): Promise<void> {
  const server = createServer(listener).listen(0, '127.0.0.1');
  await once(server, 'listening');
  try {
    await work(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

describe('the way over HTTP', () => {
  it('[SYN-10] an answer that stops in the middle of its body has failed in time, and says so', async () => {
    await withServer(
      (_request, response) => void response.writeHead(200, { 'content-type': 'application/json' }).write('{"type":"WEL'),
      async (apiUrl) => {
        const end = await new Promise<TransportEnd>((resolve) => {
          const options = { apiUrl, pollMs: 60_000, requestMs: 100 };
          const transport = openHttpTransport(browserEnvironment(), options, {
            onOpen: () => transport.send(hello),
            onFrame: () => undefined,
            onRetryAfter: () => undefined,
            onEnd: resolve,
          });
        });
        expect(end).toEqual({ code: null, detail: expect.stringContaining('did not answer in time') });
      },
    );
  });

  it('[SYN-10] closed, it lets go of the request under way', async () => {
    let requestLeft: (() => void) | null = null;
    const left = new Promise<void>((resolve) => {
      requestLeft = resolve;
    });
    let transport: Transport | null = null;
    await withServer(
      (_request, response) => {
        response.on('close', () => requestLeft?.());
        transport?.close();
      },
      async (apiUrl) => {
        transport = openHttpTransport(
          browserEnvironment(),
          { apiUrl, pollMs: 60_000, requestMs: 60_000 },
          {
            onOpen: () => transport?.send(hello),
            onFrame: () => undefined,
            onRetryAfter: () => undefined,
            onEnd: () => undefined,
          },
        );
        await left;
      },
    );
  });
});
