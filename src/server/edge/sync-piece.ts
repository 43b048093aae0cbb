/** A piece of the log on its way to sockets: as stored, with the frames that were made of it. */
import { stateHashToString } from '../../core/state-hash.ts';
import type { StoredDelta } from '../../protocol/binary-codec.ts';
import type { Piece } from '../../sync/session-io.ts';
import type { Committed } from '../fanout/hub.ts';
import type { DeltaPage } from '../read/read-delta.ts';

export type FrameForm = 'binary' | 'text';

export interface SyncPiece extends Piece, StoredDelta {
  /** Frames of this piece that every socket of the user can share; filled as they are made. */
  readonly frames: { [form in FrameForm]?: Uint8Array | string };
}

/** Frames are shared by all listeners of a committed piece, so they are kept with it. */
const framesByCommitted = new WeakMap<Committed, SyncPiece['frames']>();

export function committedToPiece(committed: Committed, ordinal: number): SyncPiece {
  const frames = framesByCommitted.get(committed) ?? {};
  framesByCommitted.set(committed, frames);
  return {
    from: committed.from,
    to: committed.to,
    count: committed.count,
    events: committed.events,
    deviceByOrdinal: committed.deviceByOrdinal,
    head: committed.to,
    hash: stateHashToString(committed.stateHash),
    ownCounter: committed.lastCounterByDevice.get(ordinal) ?? 0,
    bytes: committed.events.length,
    frames,
  };
}

export function pageToPiece(page: DeltaPage): SyncPiece {
  const { from, to, count, events, deviceByOrdinal, head, ownCounter } = page;
  const hash = to === head ? { hash: stateHashToString(page.stateHash) } : {};
  return { from, to, count, events, deviceByOrdinal, head, ownCounter, bytes: events.length, frames: {}, ...hash };
}
