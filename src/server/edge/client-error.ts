/** What is no HTTP is answered on the bare socket, before there is a request. */

import { randomUUID } from 'node:crypto';
import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import { AppError } from '../../core/errors.ts';
import { problemMediaType, toProblem } from './problem.ts';

const reasonByCode: ReadonlyMap<string, string> = new Map([['HPE_HEADER_OVERFLOW', 'The header fields are too large.']]);

/** From the answer to the end of the connection at most, ms. */
const lingerMs = 1_000;

export function answerClientError(error: Error & { readonly code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) return void socket.destroy();
  if (error.code === 'ERR_HTTP_REQUEST_TIMEOUT') return endWithProblem(socket, new AppError('request_timeout'));
  const detail = reasonByCode.get(error.code ?? '') ?? 'The request is not valid HTTP/1.1.';
  endWithProblem(socket, new AppError('invalid_request', detail));
}

function endWithProblem(socket: Socket, error: AppError): void {
  const problem = toProblem(error, randomUUID());
  const { status } = problem;
  const body = JSON.stringify(problem);
  const lines = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    `content-type: ${problemMediaType}`,
    `content-length: ${Buffer.byteLength(body)}`,
    'connection: close',
  ];
  socket.end(`${lines.join('\r\n')}\r\n\r\n${body}`);
  // Whoever keeps its side open is not waited for; destroyed at once, the answer could be lost with what it has sent meanwhile.
  const timer = setTimeout(() => socket.destroy(), lingerMs).unref();
  socket.once('close', () => clearTimeout(timer));
}
