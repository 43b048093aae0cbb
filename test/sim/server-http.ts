/** The HTTP twins (docs/PROTOCOL.md), played over the same logs: hello, push, updates, snapshot, and the list of conflicts. */

import { hlcToString } from '../../src/core/clock.ts';
import { type ErrorCode, errorTable } from '../../src/core/errors.ts';
import type { DeviceId, Epoch, MemoryId } from '../../src/core/ids.ts';
import { stateHashToString } from '../../src/core/state-hash.ts';
import { packDelta, packServerFrame } from '../../src/protocol/binary-codec.ts';
import type { Hello } from '../../src/protocol/frames.ts';
import { eventToJson, opFromJson } from '../../src/protocol/json-codec.ts';
import type { JsonPushedOp } from '../../src/protocol/json-frames.ts';
import type { Replica } from '../../src/server/command/append-request.ts';
import type { ConflictChange } from '../../src/server/command/user-plan.ts';
import { answerHello, refuseHello } from '../../src/sync/answer-hello.ts';
import type { Principal } from './connection-node.ts';
import type { LogImage } from './log-image.ts';
import type { ConnectionLimits } from './server-connection.ts';
import type { VolatileLog } from './volatile-log.ts';
import type { ServerNode } from './volatile-server.ts';

export interface HttpRequest {
  readonly method: string;
  /** Below /api/v1, with its query. */
  readonly path: string;
  readonly token: string;
  readonly body: Uint8Array | string | null;
}

export interface HttpAnswer {
  readonly status: number;
  readonly body: Uint8Array | string;
  readonly headers?: Readonly<Record<string, string>>;
}

export type Respond = (answer: HttpAnswer) => void;

/** Each step of it is one of the database: the process may crash at any, and then nobody answers. */
export function serveHttp(node: ServerNode, limits: ConnectionLimits, request: HttpRequest, respond: Respond): void {
  const fail = (code: ErrorCode, members: object = {}): void => respond(problem(code, members));
  const url = new URL(request.path, 'http://server');
  node.query(
    'authenticate',
    () => {
      const principal = node.authenticate(request.token);
      if (typeof principal === 'string') return fail(principal);
      const log = node.logOf(principal.userId);
      if (log === null) return fail('unauthorized');
      const call: Call = { node, limits, principal, log, url, request, respond, fail };
      const route = routes[`${request.method} ${url.pathname}`];
      if (route === undefined) return fail('not_found');
      node.query(url.pathname, () => route(call), fail);
    },
    fail,
  );
}

interface Call {
  readonly node: ServerNode;
  readonly limits: ConnectionLimits;
  readonly principal: Principal;
  readonly log: VolatileLog;
  readonly url: URL;
  readonly request: HttpRequest;
  readonly respond: Respond;
  readonly fail: (code: ErrorCode, members?: object) => void;
}

const routes: Readonly<Record<string, (call: Call) => void>> = {
  'POST /memories/sync/hello': sayHello,
  'POST /memories/sync/push': push,
  'GET /memories/sync/updates': readUpdates,
  'GET /memories/sync/snapshot': readSnapshot,
  'GET /conflicts': listConflicts,
  'GET /audit': listEvents,
};

function sayHello({ node, limits, principal, request, respond, fail }: Call): void {
  const hello = { type: 'HELLO', ...JSON.parse(String(request.body)) } as Hello;
  const wrong = refuseHello(node.refusesProtocol ? { ...hello, protocol: 0 } : hello);
  if (wrong !== null) return fail(wrong.code === 'invalid_frame' ? 'invalid_request' : 'unsupported_protocol');
  const replica = node.openReplica(principal, hello.device);
  if (typeof replica === 'string') return fail(replica);
  const opened = node.readOpened(principal, replica, hello);
  if (opened === null) return fail('unauthorized');
  const answer = answerHello(hello, opened, node.now(), limits);
  if (answer.type === 'WELCOME') node.touchDevice(principal.userId, replica, hello.cursor);
  const body =
    answer.type === 'RESET'
      ? answer
      : {
          ...answer,
          tokenExpiresAt: new Date(answer.tokenExpiresAt).toISOString(),
          cursor: cursorText(answer.epoch, hello.cursor),
        };
  respond({ status: 200, body: JSON.stringify(body) });
}

function push({ node, principal, log, request, respond, fail }: Call): void {
  const { device: id, firstCounter, base, ops: read } = JSON.parse(String(request.body)) as JsonPush;
  const device = node.openReplica(principal, id);
  if (typeof device === 'string') return fail(device);
  const ops = read.map((op, index) => opFromJson(op, `ops.${index}`));
  node.submit(
    { kind: 'push', userId: principal.userId, device, firstCounter, base, ops },
    (result) => {
      if (result.kind === 'counter_gap') return fail('counter_gap', { expected: result.expected });
      if (result.kind === 'cursor_ahead') return fail('cursor_ahead');
      if (result.kind !== 'pushed') return fail('unauthorized');
      node.touchDevice(principal.userId, device, base);
      node.query('read back', () => respondPushed(log, device, firstCounter, ops.length, result, respond), fail);
    },
    fail,
  );
}

interface JsonPush {
  readonly device: DeviceId;
  readonly firstCounter: number;
  readonly base: number;
  readonly ops: readonly JsonPushedOp[];
}

function respondPushed(
  log: VolatileLog,
  device: Replica,
  first: number,
  count: number,
  { acked, head }: { readonly acked: number; readonly head: number },
  respond: Respond,
): void {
  const isPushed = (counter: number): boolean => counter >= first && counter < first + count;
  const events = log.image.truth.filter((event) => event.device === device.id && isPushed(event.counter));
  respond({ status: 200, body: JSON.stringify({ acked, head, events: events.map(eventToJson) }) });
}

function readUpdates({ node, limits, principal, log, url, respond, fail }: Call): void {
  const [epoch, seq] = (url.searchParams.get('cursor') ?? '').split(' ');
  const from = Number(seq);
  const { head } = log;
  if (epoch !== head.epoch) return fail('epoch_mismatch');
  if (from > head.seq) return fail('cursor_ahead');
  if (from < head.floor) return fail('cursor_expired');
  const id = url.searchParams.get('device');
  const replica = id === null ? null : node.openReplica(principal, id as DeviceId);
  if (typeof replica === 'string') return fail(replica);
  if (replica !== null) node.touchDevice(principal.userId, replica, from);
  const piece = log.readPiece(from, -1, limits.pageEvents);
  const hash = piece.to === head.seq ? { hash: stateHashToString(head.stateHash) } : {};
  const headers = { 'sync-cursor': cursorText(head.epoch, piece.to) };
  respond({ status: 200, body: packDelta({ from, head: head.seq, ...hash }, piece), headers });
}

const cursorText = (epoch: Epoch, seq: number): string => `${epoch} ${seq}`;

/** The head is read before the page: what changes meanwhile comes twice rather than never. */
function readSnapshot({ node, limits, log, url, respond, fail }: Call): void {
  const asked = url.searchParams.get('at');
  const after = url.searchParams.get('after') as MemoryId | null;
  const { seq, floor, epoch } = log.head;
  const at = asked === null ? seq : Number(asked);
  if (at > seq) return fail('cursor_ahead');
  if (at < floor) return fail('cursor_expired');
  node.query(
    'read page',
    () => {
      const memories = log.readPage(after, limits.snapshotMemories + 1);
      const page = memories.slice(0, limits.snapshotMemories);
      const next = memories.length > limits.snapshotMemories ? (page.at(-1)?.id ?? null) : null;
      const body = packServerFrame({ type: 'SNAPSHOT', at, next, memories: page });
      respond({ status: 200, body, headers: { 'sync-cursor': cursorText(epoch, at) } });
    },
    fail,
  );
}

/** Newest first, with the cursor of the next page. */
function listConflicts({ log, url, respond }: Call): void {
  const limit = Math.min(Number(url.searchParams.get('limit') ?? 50), 5);
  const start = Number(url.searchParams.get('cursor') ?? 0);
  const open = openConflicts(log.image);
  const nextCursor = start + limit < open.length ? String(start + limit) : null;
  respond({ status: 200, body: JSON.stringify({ conflicts: open.slice(start, start + limit).map(conflictToJson), nextCursor }) });
}

/** Events from a seq on, oldest first. */
function listEvents({ log, url, respond }: Call): void {
  const limit = Math.min(Number(url.searchParams.get('limit')), 5);
  const from = Math.max(Number(url.searchParams.get('fromSeq')), Number(url.searchParams.get('cursor') ?? 0));
  const found = log.image.truth.filter(({ seq }) => seq >= from);
  const events = found.slice(0, limit).map((event) => ({
    ...eventToJson(log.image.states.get(event.memoryId)?.erased === true ? { ...event, change: null } : event),
    replica: { id: event.device },
    ...(event.rawHlc === null ? {} : { rawHlc: hlcToString(event.rawHlc) }),
  }));
  const next = found[limit];
  respond({ status: 200, body: JSON.stringify({ events, nextCursor: next === undefined ? null : String(next.seq) }) });
}

export function openConflicts(image: LogImage): readonly ConflictChange[] {
  const open = [...image.conflicts.values()].filter(({ resolution }) => resolution === null);
  return open.sort((a, b) => b.at - a.at || (a.id < b.id ? 1 : -1));
}

function conflictToJson(conflict: ConflictChange): object {
  const { id, memoryId, register, at } = conflict;
  const side = (seq: number, device: DeviceId, value: unknown): object => ({ seq, device: { id: device, name: '' }, value });
  return {
    id,
    memoryId,
    register,
    at: new Date(at).toISOString(),
    status: 'open',
    winner: side(conflict.winnerSeq, conflict.winnerDevice, conflict.winnerValue),
    loser: side(conflict.loserSeq, conflict.loserDevice, conflict.loserValue),
  };
}

/** RFC 9457 */
function problem(code: ErrorCode, members: object): HttpAnswer {
  const { status, title, cause } = errorTable[code];
  return {
    status,
    body: JSON.stringify({ type: `urn:aibrain:problem:${code}`, title, status, code, detail: cause, ...members }),
  };
}
