/**
 * The baseline: a bare WebSocket server that keeps every op as opaque bytes in one table, commits what arrives together as
 * one group, then acks it and relays it to the user's other sockets. No accounts, no merge, no projection, no checks:
 * nobody who is durable can be faster. A process of its own, with DATABASE_URL or DATA_DIR.
 */
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { type WebSocket, WebSocketServer } from 'ws';
import { openPlace, placeFromEnv } from './place.ts';
import { createRawLog, type RawLog, type RawLogUser } from './raw-log.ts';
import { joinOps, opsOf, rawAck, rawKinds, rawOps, splitOps } from './raw-log-frames.ts';

const pageOps = 1_000;
/** Bytes that may wait in a socket before the next page is read. */
const maxBufferedBytes = 1_048_576;

/** The sockets of each user that have caught up. */
type LiveSockets = Map<RawLogUser, Set<WebSocket>>;

const database = await openPlace(placeFromEnv(process.env));
const log = await createRawLog(database);
const server = new WebSocketServer({ host: '127.0.0.1', port: 0, perMessageDeflate: false, maxPayload: 64 * 1_048_576 });
const live: LiveSockets = new Map();
server.on('connection', (socket) => serve(socket, log, live));
await once(server, 'listening');
console.log(`raw log relay on http://127.0.0.1:${(server.address() as AddressInfo).port}, ${database.description}`);

process.once('SIGTERM', () => {
  for (const socket of server.clients) socket.terminate();
  server.close();
  void database.close();
});

function serve(socket: WebSocket, log: RawLog, live: LiveSockets): void {
  let user: RawLogUser | undefined;
  const hello = async (frame: Buffer): Promise<void> => {
    user = await log.user(frame.subarray(1, 17));
    await catchUp(socket, log, user, frame.readUInt32BE(17), live);
  };
  socket.on('message', (frame: Buffer) => {
    if (frame[0] === rawKinds.HELLO) void hello(frame);
    else if (user !== undefined) push(socket, log, user, frame, live);
  });
  socket.on('close', () => user && live.get(user)?.delete(socket));
}

/** Sends pages until nothing was committed meanwhile; an empty one tells the head to a device that has it all. */
async function catchUp(socket: WebSocket, log: RawLog, user: RawLogUser, from: number, live: LiveSockets): Promise<void> {
  let cursor = from;
  do {
    const rows = await log.read(user, cursor, pageOps);
    await send(socket, rawOps(cursor + 1, user.head, joinOps(rows.map(({ bytes }) => bytes))));
    cursor = rows.at(-1)?.seq ?? cursor;
  } while (cursor < user.head && socket.readyState === socket.OPEN);
  // In the same turn as the look at the head: a commit in between would never reach this socket.
  const sockets = live.get(user) ?? new Set();
  live.set(user, sockets.add(socket));
}

async function send(socket: WebSocket, frame: Buffer): Promise<void> {
  const sent = new Promise((resolve) => socket.send(frame, resolve));
  if (socket.bufferedAmount > maxBufferedBytes) await sent;
}

function push(socket: WebSocket, log: RawLog, user: RawLogUser, frame: Buffer, live: LiveSockets): void {
  const joined = opsOf(frame);
  const ops = splitOps(joined);
  const lastCounter = frame.readUInt32BE(1) + ops.length - 1;
  log.append({
    user,
    ops,
    done: (firstSeq) => {
      socket.send(rawAck(lastCounter));
      const others = [...(live.get(user) ?? [])].filter((other) => other !== socket);
      if (others.length === 0) return;
      const relayed = rawOps(firstSeq, user.head, joined);
      for (const other of others) other.send(relayed);
    },
  });
}
