/** Patches: RFC 6902 documents restricted to registers, and their inner form, a list of writes. */
import {
  emptyValue,
  type InvalidWrite,
  isFieldRegister,
  type RegisterName,
  type RegisterValue,
  tagOf,
  tagRegister,
  valuesEqual,
  type Write,
} from './register.ts';
import { err, ok, type Result } from './result.ts';

/** What an op does: its writes, and for a memory's first op the time it was created on the device (Unix ms). */
export interface Change {
  readonly writes: readonly Write[];
  readonly createdAt?: number;
}

export type PatchOperation =
  | { readonly op: 'add' | 'replace'; readonly path: string; readonly value: unknown }
  | { readonly op: 'remove'; readonly path: string };

/** Operations in one patch. A whole memory with 64 tags has 71. */
export const maxPatchOperations = 256;

/** A date, or a time with its offset: without one, `Date.parse` takes the zone of the machine. */
const isoTime = /^(\d{4}|[+-]\d{6})-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d))?$/;

/** A patch as writes; a register named twice keeps the last value. Values are not checked here, only places. */
export function patchToChange(patch: readonly PatchOperation[]): Result<Change, InvalidWrite> {
  const valueByRegister = new Map<RegisterName, RegisterValue>();
  let createdAt: number | undefined;
  for (const [index, operation] of patch.entries()) {
    const value = operation.op === 'remove' ? undefined : operation.value;
    if (operation.path === '/createdAt') {
      const time = typeof value === 'string' && isoTime.test(value) ? Date.parse(value) : Number.NaN;
      if (!Number.isInteger(time)) return err({ path: `${index}/value`, message: 'must be an ISO 8601 time' });
      createdAt = time;
      continue;
    }
    const register = pathToRegister(operation.path);
    if (register === null) return err({ path: `${index}/path`, message: 'is no register' });
    valueByRegister.set(register, value === undefined ? emptyValue(register) : (value as RegisterValue));
  }
  const writes = Array.from(valueByRegister, ([register, value]) => ({ register, value }));
  return ok(createdAt === undefined ? { writes } : { writes, createdAt });
}

export function changeToPatch(change: Change): PatchOperation[] {
  const patch: PatchOperation[] = change.writes.map(({ register, value }) =>
    valuesEqual(value, emptyValue(register)) && register !== 'deleted'
      ? { op: 'remove', path: registerToPath(register) }
      : { op: 'add', path: registerToPath(register), value },
  );
  if (change.createdAt !== undefined)
    patch.push({ op: 'add', path: '/createdAt', value: new Date(change.createdAt).toISOString() });
  return patch;
}

/** JSON Pointer (RFC 6901) of a register. */
export function registerToPath(register: RegisterName): string {
  const tag = tagOf(register);
  return tag === null ? `/${register}` : `/tags/${tag.replaceAll('~', '~0').replaceAll('/', '~1')}`;
}

/** The register at a JSON Pointer, or null: only registers have a place in a patch. */
export function pathToRegister(path: string): RegisterName | null {
  if (path.startsWith('/tags/')) {
    const token = path.slice(6);
    return token.includes('/') || /~(?![01])/.test(token) ? null : tagRegister(token.replaceAll('~1', '/').replaceAll('~0', '~'));
  }
  const name = path.slice(1);
  return path.startsWith('/') && isFieldRegister(name) ? name : null;
}

/** The writes that take a change back, given the value that each register had before it. */
export function invertWrites(writes: readonly Write[], valueBefore: (register: RegisterName) => RegisterValue): Write[] {
  return writes.map(({ register }) => ({ register, value: valueBefore(register) }));
}
