/** If-Match (RFC 9110 §13.1.1) on entity tags that are seqs: `"41"`, `W/"41"`, several, or `*`. */
import { AppError } from '../../core/errors.ts';
import type { Precondition } from '../command/memory-decisions.ts';

export const toEntityTag = (seq: number): string => `"${seq}"`;

/** @throws AppError invalid_request when the header is malformed. */
export function parseIfMatch(header: string | undefined): Precondition {
  if (header === undefined || header.trim() === '*') return 'any';
  return header.split(',').map((tag) => {
    // Any entity tag is well-formed; one that is no seq matches nothing.
    const opaque = /^\s*(?:W\/)?"([\x21\x23-\x7e\x80-\xff]*)"\s*$/.exec(tag)?.[1];
    if (opaque === undefined)
      throw new AppError('invalid_request', undefined, [{ path: 'If-Match', message: 'must be "<seq>" or *' }]);
    return /^\d+$/.test(opaque) ? Number(opaque) : -1;
  });
}
