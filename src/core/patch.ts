/**
 * Patches: RFC 6902 documents restricted to registers, and their inner form, a list of writes. What needs the whole of
 * RFC 6902 (a caller's PATCH with `test`, `move`, `copy`) goes through fast-json-patch on the memory as a document and
 * comes out as writes.
 */
import jsonPatch, { type Operation } from 'fast-json-patch';
import type { MemoryFields } from './memory.ts';
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
  return tag === null ? `/${register}` : `/tags/${jsonPatch.escapePathComponent(tag)}`;
}

/** The register at a JSON Pointer, or null: only registers have a place in a patch. */
export function pathToRegister(path: string): RegisterName | null {
  if (path.startsWith('/tags/')) {
    const token = path.slice(6);
    return token.includes('/') || /~(?![01])/.test(token) ? null : tagRegister(jsonPatch.unescapePathComponent(token));
  }
  const name = path.slice(1);
  return path.startsWith('/') && isFieldRegister(name) ? name : null;
}

/** A memory as the document that a caller's PATCH addresses: tags are members, `/tags/<tag>`. */
export interface MemoryDocument extends Omit<MemoryFields, 'tags'> {
  readonly tags: Readonly<Record<string, true>>;
}

export function toDocument(fields: MemoryFields): MemoryDocument {
  return {
    content: fields.content,
    type: fields.type,
    scope: fields.scope,
    confidence: fields.confidence,
    source: fields.source,
    tags: Object.fromEntries(fields.tags.map((tag) => [tag, true as const])),
  };
}

/** Applies any RFC 6902 patch to the document and says which registers it changed. A failed `test` is an error too. */
export function applyToDocument(document: MemoryDocument, patch: readonly Operation[]): Result<Change, InvalidWrite> {
  const copy = jsonPatch.deepClone(document) as MemoryDocument;
  try {
    const patched = jsonPatch.applyPatch(copy, patch, true, true).newDocument as unknown;
    if (typeof patched !== 'object' || patched === null || Array.isArray(patched))
      return err({ path: '', message: 'must stay a memory' });
    return diffDocuments(document, patched as Record<string, unknown>);
  } catch (error) {
    if (!(error instanceof jsonPatch.JsonPatchError)) return err({ path: '', message: 'is not allowed here' });
    const index = error.index ?? 0;
    return err({ path: `${index}`, message: `${error.name.toLowerCase().replaceAll('_', ' ')}` });
  }
}

/** The writes that lead from one document to the other: the difference in registers, none for what is equal. */
export function diffDocuments(before: MemoryDocument, after: Record<string, unknown>): Result<Change, InvalidWrite> {
  const old = toRegisters(before as unknown as Record<string, unknown>);
  const next = toRegisters(after);
  if (!old.ok) return old;
  if (!next.ok) return next;
  const names = new Set([...old.value.keys(), ...next.value.keys()]);
  const writes: Write[] = [];
  for (const register of names) {
    const value = next.value.get(register) ?? emptyValue(register);
    if (!valuesEqual(value, old.value.get(register) ?? emptyValue(register))) writes.push({ register, value });
  }
  return ok({ writes });
}

function toRegisters(document: Record<string, unknown>): Result<Map<RegisterName, RegisterValue>, InvalidWrite> {
  const valueByRegister = new Map<RegisterName, RegisterValue>();
  for (const [name, value] of Object.entries(document)) {
    if (name === 'tags') {
      if (typeof (value ?? {}) !== 'object')
        return err({ path: '/tags', message: 'must be a list of tags, or an object with them' });
      const tags = Array.isArray(value) ? value.map((tag) => [tag, true]) : Object.entries(value ?? {});
      for (const [tag, present] of tags) valueByRegister.set(tagRegister(String(tag)), present);
    } else if (isFieldRegister(name)) valueByRegister.set(name, value as RegisterValue);
    else return err({ path: `/${name}`, message: 'is no field of a memory' });
  }
  return ok(valueByRegister);
}

/** The writes that take a change back, given the value that each register had before it. */
export function invertWrites(writes: readonly Write[], valueBefore: (register: RegisterName) => RegisterValue): Write[] {
  return writes.map(({ register }) => ({ register, value: valueBefore(register) }));
}
