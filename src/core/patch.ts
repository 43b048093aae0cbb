/**
 * A caller's PATCH, which may use the whole of RFC 6902 (`test`, `move`, `copy`): applied by fast-json-patch to the memory
 * as a document, and turned into writes. It stands apart from core/change so that a client does not carry that library.
 */
import jsonPatch, { type Operation } from 'fast-json-patch';
import type { Change } from './change.ts';
import type { MemoryFields } from './memory.ts';
import {
  emptyValue,
  type InvalidWrite,
  isFieldRegister,
  type RegisterName,
  type RegisterValue,
  tagRegister,
  valuesEqual,
  type Write,
} from './register.ts';
import { err, ok, type Result } from './result.ts';

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
