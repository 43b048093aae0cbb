/** What the HTTP twins of the sync frames share: the opaque cursor, and frames in their binary form. */
import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import { type Epoch, idSchema } from '../../core/ids.ts';
import type { SyncCursor } from '../read/read-changes.ts';
import { decodeCursor, encodeCursor } from './cursor.ts';

export const binaryMediaType = 'application/msgpack';

const cursorSchema = z.tuple([idSchema<Epoch>(), z.int().min(0)]);

/** @throws AppError invalid_request */
export function parseSyncCursor(text: string): SyncCursor {
  const [epoch, seq] = decodeCursor('sync', text, cursorSchema);
  return { epoch, seq };
}

export const syncCursorToText = ({ epoch, seq }: SyncCursor): string => encodeCursor('sync', [epoch, seq]);

export const wantsBinary = (request: FastifyRequest): boolean => request.headers.accept?.includes(binaryMediaType) === true;

/** The cursor to go on with stands in a header: a frame has no place for it. */
export const cursorHeader = (cursor: SyncCursor) => ({ 'sync-cursor': syncCursorToText(cursor) });

export function binaryAnswer(frame: Uint8Array, cursor: SyncCursor) {
  const headers = { 'content-type': binaryMediaType, ...cursorHeader(cursor) };
  return { status: 200, headers, body: Buffer.from(frame.buffer, frame.byteOffset, frame.byteLength) } as const;
}
