/** What zod found, as the caller reads it (SEC-2): each wrong field by its path, without its content. */
import type { z } from 'zod';
import type { FieldError } from '../../core/errors.ts';

/** A request that is wrong everywhere is not answered with a book. */
const maxErrors = 20;
const maxPathChars = 100;

/** Dotted paths, as in `device.name` and `memories.3.content`; the empty path is the whole. */
export function toFieldErrors(error: z.ZodError): readonly FieldError[] {
  return error.issues.slice(0, maxErrors).flatMap(toErrors).slice(0, maxErrors);
}

function toErrors(issue: z.core.$ZodIssue): readonly FieldError[] {
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => ({ path: toPath([...issue.path, key]), message: 'is not a known field' }));
  }
  return [{ path: toPath(issue.path), message: issue.message }];
}

/** A key may be the caller's own text: whatever its length, only its beginning goes back. */
function toPath(path: readonly PropertyKey[]): string {
  return path.map(String).join('.').slice(0, maxPathChars).toWellFormed();
}
