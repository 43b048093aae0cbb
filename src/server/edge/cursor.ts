/** Opaque cursors: what a list needs to go on, with the list's name, so that a cursor of another list is refused. */
import type { z } from 'zod';
import { AppError } from '../../core/errors.ts';

export function encodeCursor(list: string, position: readonly (string | number)[]): string {
  return Buffer.from(JSON.stringify([list, ...position])).toString('base64url');
}

/** @throws AppError invalid_request when the text is no cursor of this list. */
export function decodeCursor<Position extends z.ZodType<readonly unknown[]>>(
  list: string,
  text: string,
  schema: Position,
): z.output<Position> {
  const [name, ...position] = parse(text);
  const checked = schema.safeParse(position);
  if (name === list && checked.success) return checked.data;
  throw new AppError('invalid_request', undefined, [{ path: 'cursor', message: 'is not a cursor of this list' }]);
}

function parse(text: string): readonly unknown[] {
  try {
    const value: unknown = JSON.parse(Buffer.from(text, 'base64url').toString());
    return Array.isArray(value) ? value : [];
  } catch {
    return [];
  }
}
