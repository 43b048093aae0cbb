/** LOG-3: what erasing a memory blanks beside its row. Payload and salt go; seq, dot, times and hashes stay (LOG-4). */
import { eventKinds } from '../../core/event.ts';
import { payloadHash } from '../../core/hash-chain.ts';
import type { MemoryId, UserId } from '../../core/ids.ts';
import { concatBytes } from '../../protocol/message-pack.ts';
import { erasedPayload } from '../../protocol/wire-events.ts';
import { sha256 } from '../infra/bytes.ts';
import type { Queryable, Statement } from '../infra/database.ts';
import { bytesToMeta } from '../log/log-bytes.ts';
import { type EventRecord, readWholeChain } from '../log/read-events.ts';
import { dropVectors } from '../project/vector-heads.ts';

const collectKind = eventKinds.indexOf('collect');

const newestStatement: Statement = {
  name: 'erase-newest',
  text: 'select seq from memories where user_id = $1::uuid and id = $2::uuid',
};

const blankStatement: Statement = {
  name: 'erase-events',
  text: `update events e set wire = b.wire, payload_hash = b.payload_hash, salt = null
    from unnest($2::bigint[], $3::bytea[], $4::bytea[]) as b(seq, wire, payload_hash)
    where e.user_id = $1::uuid and e.seq = b.seq`,
};

/**
 * Events of a memory that was collected and its id used again, or not: nothing links to them, so they are looked for up to
 * the floor, where the last of them lies (SYN-12). Collections have the nil id, which a memory may have too: they are not its.
 */
const formerStatement: Statement = {
  name: 'erase-former',
  text: `select e.seq, e.kind, e.wire, e.meta, e.salt from events e
    where e.user_id = $1::uuid and e.seq > $3::bigint and e.memory_id = $2::uuid and e.kind <> $4::smallint and e.salt is not null
      and e.seq <= (select h.floor from user_heads h where h.user_id = $1::uuid)
    order by e.seq limit 500`,
};

const formerSinceStatement: Statement = {
  name: 'former-since',
  text: `select min(e.at_ms) as at_ms from events e where e.user_id = $1::uuid and e.memory_id = $2::uuid and e.kind <> $3::smallint
    and e.seq <= (select h.floor from user_heads h where h.user_id = $1::uuid)`,
};

const conflictsStatement: Statement = {
  name: 'erase-conflicts',
  text: 'delete from conflicts where user_id = $1::uuid and memory_id = $2::uuid',
};

/** Runs in the transaction that wrote the erasing event, after it. That event has no content and stays whole. */
export async function eraseEvents(tx: Queryable, userId: UserId, id: MemoryId): Promise<void> {
  const [newest] = await tx.query<{ seq: number }>(newestStatement, [userId, id]);
  for await (const page of readWholeChain(tx, userId, newest?.seq ?? 0)) await blankPage(tx, userId, page);
  for await (const page of readFormerLife(tx, userId, id)) await blankPage(tx, userId, page);
  await tx.query(conflictsStatement, [userId, id]);
  await dropVectors(tx, userId, [id]);
}

/** When the log first heard of a memory that is collected, Unix ms; null when it never did. */
export async function readFormerSince(db: Queryable, userId: UserId, id: MemoryId): Promise<number | null> {
  const [found] = await db.query<{ at_ms: number | null }>(formerSinceStatement, [userId, id, collectKind]);
  return found?.at_ms ?? null;
}

type Blankable = Pick<EventRecord, 'seq' | 'kind' | 'wire' | 'meta' | 'salt'>;

async function* readFormerLife(tx: Queryable, userId: UserId, id: MemoryId): AsyncGenerator<readonly Blankable[]> {
  for (let after = 0; ; ) {
    const page: readonly Blankable[] = await tx.query<Blankable>(formerStatement, [userId, id, after, collectKind]);
    const last = page.at(-1);
    if (last === undefined) return;
    yield page;
    after = last.seq;
  }
}

async function blankPage(tx: Queryable, userId: UserId, page: readonly Blankable[]): Promise<void> {
  const blanked = page.flatMap((record) => blank(record) ?? []);
  const column = <K extends keyof Blanked>(name: K): Blanked[K][] => blanked.map((row) => row[name]);
  await tx.query(blankStatement, [userId, column('seq'), column('wire'), column('payloadHash')]);
}

interface Blanked {
  readonly seq: number;
  readonly wire: Uint8Array;
  readonly payloadHash: Uint8Array;
}

function blank({ seq, kind, wire, meta, salt }: Blankable): Blanked | null {
  if (salt === null || eventKinds[kind] === 'erase') return null;
  const { payloadAt } = bytesToMeta(meta);
  const prefix = wire.subarray(0, payloadAt);
  return {
    seq,
    wire: concatBytes([prefix, erasedPayload(prefix)]),
    payloadHash: payloadHash(sha256, salt, wire.subarray(payloadAt)),
  };
}
