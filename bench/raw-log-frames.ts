/**
 * The wire of the raw log relay: binary frames whose first byte is their kind, numbers big-endian.
 *
 *   1 HELLO  user: 16 bytes, cursor: u32
 *   2 PUSH   firstCounter: u32, ops
 *   3 ACK    counter: u32
 *   4 OPS    firstSeq: u32, head: u32, ops
 *
 * ops: one after the other, each its length as u32 and its bytes. The relay never looks into them.
 */

export const rawKinds = { HELLO: 1, PUSH: 2, ACK: 3, OPS: 4 } as const;

const headerBytes = { push: 5, ops: 9 } as const;

export function rawHello(user: Uint8Array, cursor: number): Buffer {
  const frame = Buffer.alloc(21);
  frame[0] = rawKinds.HELLO;
  frame.set(user, 1);
  frame.writeUInt32BE(cursor, 17);
  return frame;
}

export function rawPush(firstCounter: number, ops: Uint8Array): Buffer {
  const header = Buffer.alloc(headerBytes.push);
  header[0] = rawKinds.PUSH;
  header.writeUInt32BE(firstCounter, 1);
  return Buffer.concat([header, ops]);
}

export function rawAck(counter: number): Buffer {
  const frame = Buffer.alloc(5);
  frame[0] = rawKinds.ACK;
  frame.writeUInt32BE(counter, 1);
  return frame;
}

export function rawOps(firstSeq: number, head: number, ops: Uint8Array): Buffer {
  const header = Buffer.alloc(headerBytes.ops);
  header[0] = rawKinds.OPS;
  header.writeUInt32BE(firstSeq, 1);
  header.writeUInt32BE(head, 5);
  return Buffer.concat([header, ops]);
}

/** The ops of a PUSH or OPS frame, still joined. */
export function opsOf(frame: Buffer): Buffer {
  return frame.subarray(frame[0] === rawKinds.PUSH ? headerBytes.push : headerBytes.ops);
}

export function joinOps(ops: readonly Uint8Array[]): Buffer {
  const joined = Buffer.allocUnsafe(ops.reduce((bytes, op) => bytes + 4 + op.length, 0));
  let at = 0;
  for (const op of ops) {
    at = joined.writeUInt32BE(op.length, at);
    joined.set(op, at);
    at += op.length;
  }
  return joined;
}

/** Views on the joined bytes, not copies. */
export function splitOps(joined: Buffer): Buffer[] {
  const ops: Buffer[] = [];
  for (let at = 0; at < joined.length; ) {
    const end = at + 4 + joined.readUInt32BE(at);
    ops.push(joined.subarray(at + 4, end));
    at = end;
  }
  return ops;
}
