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

const conflictsStatement: Statement = {
  name: 'erase-conflicts',
  text: 'delete from conflicts where user_id = $1::uuid and memory_id = $2::uuid',
};

/** Runs in the transaction that wrote the erasing event, after it. That event has no content and stays whole. */
export async function eraseEvents(tx: Queryable, userId: UserId, id: MemoryId): Promise<void> {
  const [newest] = await tx.query<{ seq: number }>(newestStatement, [userId, id]);
  for await (const page of readWholeChain(tx, userId, newest?.seq ?? 0)) {
    const blanked = page.flatMap((record) => blank(record) ?? []);
    const column = <K extends keyof Blanked>(name: K): Blanked[K][] => blanked.map((row) => row[name]);
    await tx.query(blankStatement, [userId, column('seq'), column('wire'), column('payloadHash')]);
  }
  await tx.query(conflictsStatement, [userId, id]);
}

interface Blanked {
  readonly seq: number;
  readonly wire: Uint8Array;
  readonly payloadHash: Uint8Array;
}

function blank({ seq, kind, wire, meta, salt }: EventRecord): Blanked | null {
  if (salt === null || eventKinds[kind] === 'erase') return null;
  const { payloadAt } = bytesToMeta(meta);
  const prefix = wire.subarray(0, payloadAt);
  return {
    seq,
    wire: concatBytes([prefix, erasedPayload(prefix)]),
    payloadHash: payloadHash(sha256, salt, wire.subarray(payloadAt)),
  };
}
