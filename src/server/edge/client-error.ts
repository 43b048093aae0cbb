/** What is no HTTP is answered on the bare socket, before there is a request. */

import { randomUUID } from 'node:crypto';
import type { Socket } from 'node:net';
import { AppError } from '../../core/errors.ts';
import { problemMediaType, toProblem } from './problem.ts';

const reasonByCode: ReadonlyMap<string, string> = new Map([
  ['HPE_HEADER_OVERFLOW', 'The header fields are too large.'],
  ['ERR_HTTP_REQUEST_TIMEOUT', 'The request did not arrive in time.'],
]);

export function answerClientError(error: Error & { readonly code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) return void socket.destroy();
  const detail = reasonByCode.get(error.code ?? '') ?? 'The request is not valid HTTP/1.1.';
  const body = JSON.stringify(toProblem(new AppError('invalid_request', detail), randomUUID()));
  socket.end(
    `HTTP/1.1 400 Bad Request\r\ncontent-type: ${problemMediaType}\r\ncontent-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
  );
}
