/** What a HELLO gets, on the socket and over HTTP: WELCOME, and what the device lacks, or RESET (SYN-2, SYN-5). */
import type { Epoch, MemoryId } from '../core/ids.ts';
import { type Hello, helloFlags, type Reset, type ResetCode, type SnapshotPlace, type Welcome } from '../protocol/frames.ts';
import type { TellLimits } from '../protocol/limits.ts';
import { protocolVersion } from '../protocol/version.ts';

/** What the log and the devices say of a HELLO. */
export interface Opened {
  readonly epoch: Epoch;
  readonly head: number;
  readonly floor: number;
  readonly lastCounter: number;
  readonly live: number;
  /** The newest seq that HELLO's epoch shares with this one; 0 when it is unknown here. Told where the epochs differ. */
  readonly shared: number;
  readonly tokenExpiresAt: number;
}

/** The next page of a snapshot: it began at seq `at`. */
export interface SnapshotStart {
  readonly at: number;
  /** The last id of the page before, null for the first page. */
  readonly after: MemoryId | null;
}

/** What is wrong with a HELLO whatever the log says, or null. */
export function refuseHello(
  hello: Hello,
): { readonly code: 'unsupported_protocol' | 'invalid_frame'; readonly detail: string } | null {
  if (hello.protocol !== protocolVersion)
    return { code: 'unsupported_protocol', detail: `this server speaks protocol ${protocolVersion}` };
  if (hasFlag(hello, 'snapshot') && hello.cursor > 0)
    return { code: 'invalid_frame', detail: 'cursor must be 0 with the flag snapshot' };
  return null;
}

export function hasFlag(hello: Pick<Hello, 'flags'>, flag: keyof typeof helloFlags): boolean {
  // Not by `&`, which takes the flags as 32 bits.
  return Math.floor(hello.flags / helloFlags[flag]) % 2 === 1;
}

/** SYN-6: the device found that its state hash differs, and mends itself by a snapshot. */
export const isRepair = (hello: Hello): boolean => hasFlag(hello, 'snapshot') && hasFlag(hello, 'repair');

/** What HELLO is answered with, on the socket and over HTTP. */
export function answerHello(hello: Hello, opened: Opened, now: number, limits: TellLimits): Welcome | Reset {
  const { epoch, head, floor, lastCounter, shared, tokenExpiresAt } = opened;
  const code = findReset(hello, opened);
  if (code !== null) return { type: 'RESET', code, epoch, floor, head, shared: code === 'epoch_mismatch' ? shared : null };
  const { maxFrameBytes, maxOps, maxInFlight } = limits;
  const told = { maxFrameBytes, maxOps, maxInFlight };
  return { type: 'WELCOME', protocol: protocolVersion, epoch, head, floor, lastCounter, now, tokenExpiresAt, limits: told };
}

/** SYN-5: where the snapshot begins that the device asked for, left off, or is served better by than by a delta. */
export function findSnapshot(hello: Hello, { epoch, head, floor, live }: Opened): SnapshotStart | null {
  if (hello.resume !== undefined && hello.epoch === epoch && isServed(hello.resume, floor, head)) return hello.resume;
  const isShorter = hello.cursor < floor || head - hello.cursor > 2 * live;
  return isShorter || hasFlag(hello, 'snapshot') ? { at: head, after: null } : null;
}

const isServed = ({ at }: SnapshotPlace, floor: number, head: number): boolean => floor <= at && at <= head;

function findReset(hello: Hello, opened: Opened): ResetCode | null {
  if (hello.epoch !== null && hello.epoch !== opened.epoch) return 'epoch_mismatch';
  if (hello.cursor > opened.head) return 'cursor_ahead';
  if (hello.cursor > 0 && hello.cursor < opened.floor) return 'cursor_expired';
  return hello.lastCounter < opened.lastCounter ? 'device_forked' : null;
}
