/**
 * A server that is broken in one way: a proxy in front of the real one, which takes frames apart, changes them and puts them
 * together again. What a mutation leaves alone goes on as the bytes that came.
 */
import { once } from 'node:events';
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { deflateRawSync, inflateRawSync } from 'node:zlib';
import { WebSocket, WebSocketServer } from 'ws';
import { type DeviceId, serverDeviceId } from '../../src/core/ids.ts';
import {
  deflatedBytes,
  packClientFrame,
  packDeflated,
  packDelta,
  packServerFrame,
  unpackClientFrame,
  unpackServerFrame,
} from '../../src/protocol/binary-codec.ts';
import type { ClientFrame, Delta, ServerFrame } from '../../src/protocol/frames.ts';
import { clientFrameToJson, parseServerFrame, serverFrameToJson } from '../../src/protocol/json-codec.ts';
import { concatBytes } from '../../src/protocol/message-pack.ts';
import { MalformedValue } from '../../src/protocol/packed-values.ts';
import { parseClientFrame } from '../../src/protocol/parse-client-frame.ts';
import { packEvent } from '../../src/protocol/wire-events.ts';

export type Form = 'binary' | 'text';

/** One socket of a device, seen from the middle. */
export interface Link {
  toDevice(frame: ServerFrame): void;
  toServer(frame: ClientFrame): void;
  closeDevice(code: number): void;
}

/** What a mutation does to one socket. A frame that is returned as it is goes on as it came. */
export interface Mutated {
  /** Frames to hand on in place of this one. */
  readonly fromDevice?: (frame: ClientFrame) => readonly ClientFrame[];
  readonly fromServer?: (frame: ServerFrame) => readonly ServerFrame[];
  /** What the device sent, before it is read. True: it is dealt with. */
  readonly raw?: (data: Buffer, form: Form) => boolean;
  /** How a frame goes to the device; default: in the form in which it came. */
  readonly write?: (frame: ServerFrame, form: Form) => Uint8Array | string;
  /** False: the device's socket stays open when the server closes its own. */
  readonly closes?: boolean;
}

export interface Mutation {
  /** Made once for each proxy, asked for each socket. */
  readonly sockets?: () => (link: Link) => Mutated;
  /** Changes the JSON that an HTTP request is answered with. */
  readonly answers?: (path: string, body: Record<string, unknown>) => Record<string, unknown>;
}

export interface MutantServer extends AsyncDisposable {
  readonly url: string;
}

/** @param target `http://127.0.0.1:<port>` of the real server. */
export async function startMutant(target: string, { sockets, answers }: Mutation): Promise<MutantServer> {
  const mutate = sockets?.() ?? ((): Mutated => ({}));
  const server = createServer((incoming, outgoing) => void forward(target, incoming, outgoing, answers));
  const upgrades = new WebSocketServer({ noServer: true, perMessageDeflate: false });
  server.on('upgrade', (incoming, socket, head) => {
    upgrades.handleUpgrade(incoming, socket, head, (device) => {
      join(device, new WebSocket(`${target.replace('http', 'ws')}${incoming.url}`, { perMessageDeflate: false }), mutate);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      for (const device of upgrades.clients) device.terminate();
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}

function join(device: WebSocket, far: WebSocket, mutate: (link: Link) => Mutated): void {
  let form: Form = 'binary';
  const early: (Uint8Array | string)[] = [];
  const toFar = (data: Uint8Array | string): void => {
    if (far.readyState === far.OPEN) far.send(data);
    else if (far.readyState === far.CONNECTING) early.push(data);
  };
  far.on('open', () => {
    for (const data of early) far.send(data);
  });
  const write = (frame: ServerFrame, as: Form): void => {
    if (device.readyState === device.OPEN) device.send(mutated.write?.(frame, as) ?? encodeServerFrame(frame, as));
  };
  const link: Link = {
    toDevice: (frame) => write(frame, form),
    toServer: (frame) => toFar(encodeClientFrame(frame, form)),
    closeDevice: (code) => device.close(code),
  };
  const mutated = mutate(link);
  device.on('message', (data: Buffer, isBinary: boolean) => {
    form = isBinary ? 'binary' : 'text';
    if (mutated.raw?.(data, form) === true) return;
    const frame = mutated.fromDevice === undefined ? null : readClientFrame(data, form);
    const sent = frame === null ? null : (mutated.fromDevice?.(frame) ?? [frame]);
    if (sent === null || (sent.length === 1 && sent[0] === frame)) return toFar(isBinary ? data : data.toString());
    for (const each of sent) link.toServer(each);
  });
  far.on('message', (data: Buffer, isBinary: boolean) => {
    const as = isBinary ? 'binary' : 'text';
    const frame = readServerFrame(data, as);
    const sent = mutated.fromServer?.(frame) ?? [frame];
    const isSame = sent.length === 1 && sent[0] === frame && mutated.write === undefined;
    if (isSame && device.readyState === device.OPEN) device.send(isBinary ? data : data.toString());
    if (!isSame) for (const each of sent) write(each, as);
  });
  far.on('close', (code) => {
    if (mutated.closes === false) return;
    if (code >= 1_000 && code !== 1_005 && code !== 1_006) device.close(code);
    else device.terminate();
  });
  device.on('close', () => far.terminate());
  far.on('error', () => device.terminate());
  device.on('error', () => far.terminate());
}

/** Either side may leave at any moment: then the other one's connection ends too. */
async function forward(
  target: string,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  answers: Mutation['answers'],
): Promise<void> {
  try {
    await answer(target, incoming, outgoing, answers);
  } catch {
    outgoing.destroy();
  }
}

async function answer(
  target: string,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  answers: Mutation['answers'],
): Promise<void> {
  const path = incoming.url ?? '/';
  const passed = request(`${target}${path}`, { method: incoming.method, headers: incoming.headers });
  const [[response]] = (await Promise.all([once(passed, 'response'), pipeline(incoming, passed)])) as [
    [IncomingMessage],
    unknown,
  ];
  const body = await buffer(response);
  const isChanged = answers !== undefined && /json/.test(response.headers['content-type'] ?? '');
  const told = isChanged
    ? Buffer.from(JSON.stringify(answers(path, JSON.parse(body.toString()) as Record<string, unknown>)))
    : body;
  const { 'transfer-encoding': _, ...headers } = response.headers;
  outgoing.writeHead(response.statusCode ?? 502, { ...headers, 'content-length': told.length }).end(told);
}

/** Null: it is none, and goes on as it is. */
function readClientFrame(data: Buffer, form: Form): ClientFrame | null {
  try {
    return form === 'binary' ? unpackClientFrame(data) : parseClientFrame(data.toString());
  } catch (error) {
    if (error instanceof MalformedValue) return null;
    throw error;
  }
}

function readServerFrame(data: Buffer, form: Form): ServerFrame {
  if (form === 'text') return parseServerFrame(data.toString());
  const deflated = deflatedBytes(data);
  return unpackServerFrame(deflated === null ? data : inflateRawSync(deflated));
}

function encodeClientFrame(frame: ClientFrame, form: Form): Uint8Array | string {
  return form === 'binary' ? packClientFrame(frame) : JSON.stringify(clientFrameToJson(frame));
}

export function encodeServerFrame(frame: ServerFrame, form: Form): Uint8Array | string {
  if (form === 'text') return JSON.stringify(serverFrameToJson(frame));
  return frame.type === 'DELTA' ? encodeDelta(frame) : packServerFrame(frame);
}

export function encodeDeflated(frame: ServerFrame): Uint8Array {
  return packDeflated(deflateRawSync(encodeServerFrame(frame, 'binary') as Uint8Array));
}

function encodeDelta({ events, ...header }: Delta): Uint8Array {
  const devices = [serverDeviceId, ...new Set(events.map(({ device }) => device).filter((id) => id !== serverDeviceId))];
  const stored = events.map((event) => {
    const { prefix, payload } = packEvent(event, devices.indexOf(event.device));
    return concatBytes([prefix, payload]);
  });
  const deviceByOrdinal = new Map<number, DeviceId>(devices.map((id, ordinal) => [ordinal, id]));
  return packDelta(header, { from: header.from, count: events.length, events: concatBytes(stored), deviceByOrdinal });
}
