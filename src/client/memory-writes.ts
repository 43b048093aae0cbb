/** From what an app asks for to the writes of an op, checked: what the server would reject is refused here, with the field. */

import type { Change } from '../core/change.ts';
import type { MemoryFields } from '../core/memory.ts';
import { memoryLimits } from '../core/memory.ts';
import { checkWrite, type RegisterName, type RegisterValue, tagRegister, valuesEqual, type Write } from '../core/register.ts';
import type { NewMemory } from './client-api.ts';

/** A memory cannot be written as asked. Nothing was written. */
export class InvalidMemory extends Error {
  override readonly name = 'InvalidMemory';
  /** JSON Pointer of the field, e.g. `/content`. */
  readonly path: string;

  constructor(path: string, message: string) {
    super(`${path}: ${message}`);
    this.path = path;
  }
}

/** This device knows no such memory, or it was erased. */
export class UnknownMemory extends Error {
  override readonly name = 'UnknownMemory';
}

/** @throws InvalidMemory */
export function creatingChange({ content, type, scope, confidence, source, tags, createdAt }: NewMemory, nowMs: number): Change {
  const writes: Write[] = [
    { register: 'content', value: content },
    { register: 'type', value: type },
    { register: 'scope', value: scope },
  ];
  if (confidence != null) writes.push({ register: 'confidence', value: confidence });
  if (source != null) writes.push({ register: 'source', value: source });
  for (const tag of distinctTags(tags ?? [])) writes.push({ register: tagRegister(tag), value: true });
  // The server refuses a frame with another one as a whole, and with it whatever waits behind.
  if (createdAt !== undefined && new Date(createdAt).getTime() !== createdAt)
    throw new InvalidMemory('/createdAt', 'must be Unix milliseconds');
  return { writes: checked(writes), createdAt: createdAt ?? Math.max(0, nowMs) };
}

/** Writes only what differs from the memory as it is shown. @throws InvalidMemory */
export function changingWrites(shown: MemoryFields, fields: Partial<MemoryFields>): readonly Write[] {
  const writes: Write[] = [];
  const writeIfOther = (register: RegisterName, before: RegisterValue, value: RegisterValue | undefined): void => {
    if (value !== undefined && !valuesEqual(before, value)) writes.push({ register, value });
  };
  for (const register of ['content', 'type', 'scope', 'confidence', 'source'] as const)
    writeIfOther(register, shown[register], fields[register]);
  if (fields.tags !== undefined) {
    const wanted = distinctTags(fields.tags);
    for (const tag of wanted) if (!shown.tags.includes(tag)) writes.push({ register: tagRegister(tag), value: true });
    for (const tag of shown.tags) if (!wanted.includes(tag)) writes.push({ register: tagRegister(tag), value: false });
  }
  return checked(writes);
}

function distinctTags(tags: readonly string[]): readonly string[] {
  const distinct = [...new Set(tags)];
  if (distinct.length > memoryLimits.tags) throw new InvalidMemory('/tags', `must have at most ${memoryLimits.tags}`);
  return distinct;
}

function checked(writes: readonly Write[]): readonly Write[] {
  for (const write of writes) {
    const result = checkWrite(write);
    if (!result.ok) throw new InvalidMemory(result.error.path, result.error.message);
  }
  return writes;
}
