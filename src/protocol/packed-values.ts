/** Reading the positional items of a binary frame: the type that is asked for, or a typed error that names the field. */

/** A frame is malformed. `path` names the field, `message` says what is wrong with it; neither repeats the content. */
export class MalformedValue extends Error {
  override readonly name = 'MalformedValue';
  readonly path: string;

  constructor(path: string, message: string) {
    super(message);
    this.path = path;
  }
}

export function asInteger(value: unknown, path: string, min = Number.MIN_SAFE_INTEGER, max = Number.MAX_SAFE_INTEGER): number {
  if (!Number.isInteger(value) || (value as number) < min || (value as number) > max) {
    throw new MalformedValue(path, `must be a whole number${min === Number.MIN_SAFE_INTEGER ? '' : ` from ${min} to ${max}`}`);
  }
  return value as number;
}

export function asBytes(value: unknown, path: string, length: number): Uint8Array {
  if (!(value instanceof Uint8Array) || value.length !== length) throw new MalformedValue(path, `must be ${length} bytes`);
  return value;
}

export function asText(value: unknown, path: string): string {
  if (typeof value !== 'string') throw new MalformedValue(path, 'must be text');
  return value;
}

export function asArray(value: unknown, path: string, min = 0, max = Number.POSITIVE_INFINITY): readonly unknown[] {
  if (!Array.isArray(value) || value.length < min || value.length > max) {
    throw new MalformedValue(path, `must be a list${max === Number.POSITIVE_INFINITY ? '' : ` of ${min} to ${max} items`}`);
  }
  return value;
}
