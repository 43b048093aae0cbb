/** What must hold when the nemeses have stopped and everybody had time (see judge.ts for what is checked on the way). */

import { isDeepStrictEqual } from 'node:util';
import type { Client } from '../../src/client/client-api.ts';
import { eventHash, genesisHash, payloadHash } from '../../src/core/hash-chain.ts';
import type { UserId } from '../../src/core/ids.ts';
import { addRow, emptyStateHash, stateHashToString } from '../../src/core/state-hash.ts';
import { sha256 } from '../../src/server/infra/bytes.ts';
import { bytesToMeta, hashedHeader } from '../../src/server/log/log-bytes.ts';
import { stateToMemory } from '../../src/server/project/memory-rows.ts';
import type { SimulatedDevice } from './device.ts';
import { type History, isSameRow, isTraced, type Judge, keyOf } from './judge.ts';
import type { LogImage, TrueEvent } from './log-image.ts';
import { openConflicts } from './server-http.ts';
import type { Screen, World } from './world.ts';

export function judgeEnd(world: World): void {
  const { judge } = world;
  for (const [userId, history] of judge.histories) {
    judgeServer(judge, history);
    for (const device of ownDevices(world, userId)) judgeDevice(world, history, device);
    judgeValues(judge, history, ownDevices(world, userId));
  }
  judgeTenants(world);
  for (const [client, screen] of world.screens) judgeScreen(judge, client, screen);
}

/** Whether a device has come to its end: everything is there, everything is here, and its tabs say so. */
export function isSettled(world: World, device: SimulatedDevice): boolean {
  const { meta, outbox } = device.disk.place.disk.content;
  if (meta === null) return false;
  const leader = device.tabs.find(({ client }) => client.status.isLeader)?.client;
  if (leader === undefined) return false;
  if (device.isRevoked) return leader.status.state === 'parked' || outbox.size === 0;
  const { head } = world.judge.historyOf(device.options.userId).log;
  const { state, behind } = leader.status;
  return state === 'live' && behind === 0 && outbox.size === 0 && meta.cursor === head.seq && meta.epoch === head.epoch;
}

const ownDevices = (world: World, userId: UserId): readonly SimulatedDevice[] =>
  [...world.devices.values()].filter((device) => device.options.userId === userId);

function judgeServer(judge: Judge, { log, reference }: History): void {
  const { image } = log;
  const rows = new Map([...image.states].map(([id, state]) => [id, stateToMemory(state)]));
  for (const [id, expected] of reference.rows) {
    const row = rows.get(id);
    if (row === undefined || !isSameRow(row, expected))
      judge.accuse('older write won', `the server has ${JSON.stringify(row)}, by the rules ${JSON.stringify(expected)}`);
  }
  if (rows.size !== reference.rows.size)
    judge.accuse('older write won', `the server has ${rows.size} rows, by the rules ${reference.rows.size}`);
  judgeChain(judge, image);
  judgeDots(judge, image);
  judgeTombstones(judge, image, reference);
}

/** LOG-4, told again: every link, every payload that is still there, and the state hash from the rows. */
function judgeChain(judge: Judge, { head, events, states }: LogImage): void {
  let hash: Uint8Array = genesisHash(sha256, head.origin);
  for (const [index, row] of events.entries()) {
    const { payloadAt } = bytesToMeta(row.meta);
    const kept = row.salt === null ? row.payloadHash : payloadHash(sha256, row.salt, row.wire.subarray(payloadAt));
    if (row.seq !== index + 1 || kept === null) return judge.accuse('chain broken', `at seq ${index + 1}`);
    hash = eventHash(sha256, hash, hashedHeader(row.seq, row.wire.subarray(0, payloadAt), row.meta), kept);
    if (Buffer.compare(hash, row.hash) !== 0) return judge.accuse('chain broken', `the hash of seq ${row.seq} does not follow`);
  }
  if (Buffer.compare(hash, head.hash) !== 0) judge.accuse('chain broken', 'the head has another hash');
  let sum = emptyStateHash;
  for (const { id, seq } of states.values()) sum = addRow(sum, id, seq);
  if (stateHashToString(sum) !== stateHashToString(head.stateHash))
    judge.accuse('chain broken', 'the head has another state hash than its rows');
}

/** LOG-2: counters of a device go up by one, and no op of a device is in the log twice. */
function judgeDots(judge: Judge, { truth }: LogImage): void {
  const last = new Map<string, number>();
  for (const { device, counter, seq } of truth) {
    if (counter !== (last.get(device) ?? 0) + 1)
      judge.accuse('duplicate effect', `seq ${seq} has counter ${counter} after ${last.get(device) ?? 0}`);
    last.set(device, counter);
  }
}

/** MRG-5: what was deleted stays so, until somebody restores it. */
function judgeTombstones(judge: Judge, { truth }: LogImage, { rows }: History['reference']): void {
  const lastDelete = new Map<string, number>();
  const revived = new Map<string, number>();
  for (const event of truth) {
    if (event.outcome === 'rejected') continue;
    const deleted = event.change?.writes.find(({ register }) => register === 'deleted')?.value;
    if (deleted === true) lastDelete.set(event.memoryId, event.seq);
    if ((deleted === false && !event.lost.includes('deleted')) || event.kind === 'create') revived.set(event.memoryId, event.seq);
    if (event.kind === 'erase') lastDelete.set(event.memoryId, Number.POSITIVE_INFINITY);
  }
  for (const [id, seq] of lastDelete) {
    const row = rows.get(id as never);
    if (row !== undefined && !row.deleted && (revived.get(id) ?? 0) < seq)
      judge.accuse('resurrection', `${id} was deleted at ${seq} and is live`);
  }
}

/** MRG-3: every value is current, or was written over by somebody who had seen it, or is kept as a conflict, or was taken away. */
function judgeValues(judge: Judge, history: History, devices: readonly SimulatedDevice[]): void {
  const { truth } = history.log.image;
  const seqsByKey = new Map<string, number[]>();
  for (const event of truth) {
    for (const { register, value } of event.change?.writes ?? []) {
      if (!isTraced(register) || value === null || value === '' || event.outcome === 'rejected') continue;
      const key = keyOf({ memoryId: event.memoryId, register, value });
      seqsByKey.set(key, [...(seqsByKey.get(key) ?? []), event.seq]);
      if (!isAccountedFor(history, event, register, value))
        judge.accuse(
          'value lost',
          `${register} ${JSON.stringify(value)} of seq ${event.seq} is nowhere, and nobody who had seen it wrote over it`,
        );
    }
  }
  for (const [key, seqs] of seqsByKey) {
    const writings = history.writings.get(key)?.size ?? 0;
    // Where a seq was given twice within one epoch, a device may take the log for the one that it knew, and its op for a new one.
    if (seqs.length > writings && !history.isSilent)
      judge.accuse('duplicate effect', `${key} was written ${writings} times and is in the log at ${seqs.join(', ')}`);
  }
  judgeKept(judge, history);
  judgeOwed(judge, history, devices);
}

/** What a client said is kept is in a log, or refused and told so; but for a disk that was exchanged or an op that still waits. */
function judgeKept(judge: Judge, history: History): void {
  for (const kept of history.kept) {
    const { device, diskLife } = kept;
    if (device.diskLife !== diskLife || device.isRevoked) continue;
    const key = keyOf(kept);
    if (!history.everWritten.has(key) && !history.refused.has(key))
      judge.accuse(
        'acked then lost',
        `${device.options.name} said that ${kept.register} ${JSON.stringify(kept.value)} is kept, and it is nowhere`,
      );
  }
}

function isAccountedFor({ log, reference }: History, event: TrueEvent, register: string, value: unknown): boolean {
  const { truth, conflicts } = log.image;
  const row = reference.rows.get(event.memoryId);
  if (row === undefined || row.erased) return true;
  const text = JSON.stringify(value);
  if (JSON.stringify(row[register as 'content']) === text) return true;
  for (const conflict of conflicts.values()) {
    if (conflict.memoryId !== event.memoryId || conflict.register !== register) continue;
    if (JSON.stringify(conflict.loserValue) === text || JSON.stringify(conflict.winnerValue) === text) return true;
  }
  const same = truth.filter(
    (other) => other.memoryId === event.memoryId && other.outcome !== 'rejected' && writes(other, register) === text,
  );
  const later = truth.filter((other) => other.memoryId === event.memoryId && other.seq > event.seq);
  return later.some(
    (other) =>
      (writes(other, register) !== undefined && same.some((seen) => seen.seq < other.seq && hasSeen(other, seen))) ||
      other.kind === 'erase' ||
      other.kind === 'create',
  );
}

const writes = (event: TrueEvent, register: string): string | undefined => {
  const write = event.change?.writes.find((candidate) => candidate.register === register);
  return write === undefined ? undefined : JSON.stringify(write.value);
};

const hasSeen = (event: TrueEvent, other: TrueEvent): boolean => other.seq <= event.base || other.device === event.device;

/** What a living device showed of a lineage that was given up is in the log again, or kept as rejected. */
function judgeOwed(judge: Judge, history: History, devices: readonly SimulatedDevice[]): void {
  for (const debt of history.owed) {
    if (debt.device.isRevoked || !devices.includes(debt.device)) continue;
    const key = keyOf(debt);
    const inLog = history.log.image.truth.some(
      (event) =>
        event.memoryId === debt.memoryId &&
        event.change?.writes.some(({ register, value }) => keyOf({ memoryId: debt.memoryId, register, value }) === key),
    );
    const row = history.reference.rows.get(debt.memoryId);
    if (debt.register === 'deleted' && row?.deleted !== false) continue;
    const isRejected = devices.some(({ disk }) =>
      [...disk.place.disk.content.rejected.values()].some(
        ({ op }) => op.memoryId === debt.memoryId && JSON.stringify(op.change).includes(JSON.stringify(debt.value)),
      ),
    );
    if (!inLog && !isRejected && row?.erased !== true)
      judge.accuse(
        'acked then lost',
        `${debt.device.options.name} showed ${debt.register} ${JSON.stringify(debt.value)} at a restore, and it was not offered again`,
      );
  }
}

function judgeDevice(world: World, history: History, device: SimulatedDevice): void {
  const { judge } = world;
  const { name } = device.options;
  const { meta, rows, outbox } = device.disk.place.disk.content;
  if (device.isRevoked) return judgeRevoked(judge, device);
  if (!isSettled(world, device)) {
    const statuses = device.tabs.map(({ index, client }) => `tab ${index} ${JSON.stringify(client.status)}`);
    return judge.accuse(
      'outbox stuck',
      `${name}: outbox ${outbox.size}, cursor ${meta?.cursor} of ${history.log.head.seq}; ${statuses.join('; ')}`,
    );
  }
  const { image, head, stateHash } = history.log;
  const expected = new Map([...image.states].map(([id, state]) => [id, stateToMemory(state)]));
  for (const [id, row] of expected) {
    const own = rows.get(id);
    const isEqual = own !== undefined && (history.isSilent ? own.seq === row.seq : isDeepStrictEqual(normal(own), normal(row)));
    if (!isEqual) judge.accuse('divergence', `${name} has ${JSON.stringify(own)}, the server ${JSON.stringify(row)}`);
  }
  for (const id of rows.keys()) if (!expected.has(id)) judge.accuse('divergence', `${name} has ${id}, the server has not`);
  if (meta !== null && stateHashToString(meta.stateHash) !== stateHash)
    judge.accuse('divergence', `${name} has another state hash at ${head.seq}`);
  // Where a seq was given twice within one epoch, to the same memory, nothing tells the two states apart.
  if (history.isSilent || !device.hasOneLeader) return;
  for (const { index, client } of device.tabs) judgeTab(judge, history, `${name} tab ${index}`, client);
}

const normal = (row: object): object => ({ ...row, tags: [...((row as { tags: readonly string[] }).tags ?? [])].sort() });

function judgeTab(judge: Judge, { log }: History, name: string, client: Client): void {
  const live = [...log.image.states.values()].map(stateToMemory).filter((row) => !row.deleted && !row.erased);
  const listed = client.list();
  if (listed.length !== live.length || client.count() !== live.length)
    judge.accuse('divergence', `${name} lists ${listed.length} memories, the server ${live.length}`);
  for (const row of live) {
    const shown = client.get(row.id);
    if (shown?.content !== row.content || shown.isPending || shown.seq !== row.seq)
      judge.accuse('divergence', `${name} shows ${JSON.stringify(shown)}, the server ${JSON.stringify(row)}`);
  }
  const own = client.conflicts().map(({ id, winner, loser }) => `${id} ${winner.seq} ${loser.seq}`);
  const open = openConflicts(log.image).map(({ id, winnerSeq, loserSeq }) => `${id} ${winnerSeq} ${loserSeq}`);
  if (own.sort().join() !== open.sort().join())
    judge.accuse('conflict lists', `${name} has [${own.join(', ')}], the server [${open.join(', ')}]`);
  const { state, outbox, behind, stuck } = client.status;
  if (state !== 'live' || outbox !== 0 || behind !== 0 || stuck !== null)
    judge.accuse('status untrue', `${name} says ${JSON.stringify(client.status)} when all is done`);
}

function judgeRevoked(judge: Judge, device: SimulatedDevice): void {
  for (const { index, client } of device.tabs) {
    const { state, stuck } = client.status;
    if (state !== 'live' && stuck === null)
      judge.accuse('status untrue', `${device.options.name} tab ${index} was revoked and says ${JSON.stringify(client.status)}`);
  }
}

/** SEC-1: no value of one user is ever on a device of another. */
function judgeTenants(world: World): void {
  for (const device of world.devices.values()) {
    const { writings, isSilent } = world.judge.historyOf(device.options.userId);
    // Events of a lineage that took the same seqs may write to a memory that the device never heard of.
    if (isSilent) continue;
    for (const row of device.disk.place.disk.content.rows.values()) {
      if (row.erased || row.content === 'corrupted') continue;
      if (!writings.has(keyOf({ memoryId: row.id, register: 'content', value: row.content })))
        world.judge.accuse('tenant leak', `${device.options.name} holds ${row.content}, which nobody of its user wrote`);
    }
  }
}

/** A page that looks again only where an event tells it to shows what is so. */
function judgeScreen(judge: Judge, client: Client, { device, shown }: Screen): void {
  const tab = device.tabs.find((candidate) => candidate.client === client);
  if (tab === undefined || !device.hasOneLeader) return;
  const all = [...client.list(), ...client.list({ deleted: true })];
  for (const memory of all) {
    const actual = JSON.stringify(client.get(memory.id));
    if (shown.get(memory.id) !== actual)
      judge.accuse(
        'subscription missed',
        `${device.options.name} tab ${tab.index} was not told of ${actual}, shows ${shown.get(memory.id)}`,
      );
  }
  if (shown.size !== all.length)
    judge.accuse('subscription missed', `${device.options.name} tab ${tab.index} shows ${shown.size} memories of ${all.length}`);
}
