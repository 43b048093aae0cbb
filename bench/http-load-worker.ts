/**
 * Makes the requests that its parent (http-load.ts) orders, and tells how many were answered. By hand on bare sockets: it must cost less
 * than the fastest server that it is there for, or the fast one is measured as slow as the load (autocannon 9 takes 1.3 times the
 * processor time of a bare Fastify route for a request).
 */
import { connect, type Socket } from 'node:net';
import { createAnswerReader } from './http-answers.ts';
import type { HttpLoad, HttpLoadMessage, HttpLoadRequest, HttpLoadResult } from './http-load.ts';

/** Without an answer for so long the load has failed. */
const silenceMs = 30_000;
const readBytes = 65_536;

process.once('message', (load: HttpLoad) => void run(load));

async function run(load: HttpLoad): Promise<void> {
  try {
    tell({ kind: 'result', result: await send(load) });
  } catch (error) {
    tell({ kind: 'failed', why: error instanceof Error ? (error.stack ?? error.message) : String(error) });
  }
}

function tell(message: HttpLoadMessage): void {
  process.send?.(message, () => process.disconnect());
}

async function send({ url, connections, seconds, requests, token }: HttpLoad): Promise<HttpLoadResult> {
  const address = new URL(url);
  const frames = requests.map((request) => toBytes(request, address.host, token));
  const before = process.cpuUsage();
  const start = performance.now();
  const until = start + seconds * 1_000;
  const counts = await Promise.all(
    Array.from({ length: connections }, (_, index) => {
      // Each begins at another place, so that not all ask for the same at a time.
      const first = Math.floor((index * frames.length) / connections);
      return sendInTurn(
        { host: address.hostname, port: Number(address.port) },
        [...frames.slice(first), ...frames.slice(0, first)],
        until,
      );
    }),
  );
  const ms = performance.now() - start;
  const { user, system } = process.cpuUsage(before);
  const answers = counts.reduce((sum, count) => sum + count, 0);
  return { requestsPerSecond: (answers / ms) * 1_000, answers, ownCpuUs: (user + system) / answers };
}

function toBytes({ method, path, body }: HttpLoadRequest, host: string, token: string | null): Buffer {
  const head = [
    `${method} ${path} HTTP/1.1`,
    `host: ${host}`,
    ...(token === null ? [] : [`authorization: Bearer ${token}`]),
    ...(body === undefined ? [] : ['content-type: application/json', `content-length: ${Buffer.byteLength(body)}`]),
  ];
  return Buffer.from(`${head.join('\r\n')}\r\n\r\n${body ?? ''}`);
}

/** One connection: the next request when the last one was answered. Returns how many were, all of them with success. */
function sendInTurn(
  { host, port }: { readonly host: string; readonly port: number },
  frames: readonly Buffer[],
  until: number,
): Promise<number> {
  return new Promise((resolve, reject) => {
    let answers = 0;
    const next = (): void => {
      if (performance.now() >= until) {
        socket.destroy();
        return resolve(answers);
      }
      socket.write(frames[answers % frames.length] ?? Buffer.alloc(0));
    };
    const read = createAnswerReader((status) => {
      if (status < 200 || status > 299) return void socket.destroy(new Error(`answered with ${status}`));
      answers++;
      next();
    });
    const onread = {
      // One for each socket, read into again and again.
      buffer: new Uint8Array(readBytes),
      callback: (length: number, bytes: Uint8Array): boolean => {
        try {
          read(Buffer.from(bytes.buffer, bytes.byteOffset, length));
        } catch (error) {
          socket.destroy(error instanceof Error ? error : new Error(String(error)));
        }
        return true;
      },
    };
    const socket: Socket = connect({ host, port, noDelay: true, onread }, next);
    socket.setTimeout(silenceMs, () => socket.destroy(new Error(`no answer for ${silenceMs} ms`)));
    socket.on('error', reject);
    socket.on('close', () => reject(new Error('the server closed a connection')));
  });
}
