/**
 * A patch in binary form: a flat list of (register, value) pairs. A register is its code, a tag its text; 6 is createdAt
 * in Unix ms. Type and scope are the index of their value.
 */

import { type Change, maxPatchOperations } from '../core/change.ts';
import { memoryScopes, memoryTypes } from '../core/memory.ts';
import { fieldRegisters, type RegisterName, type RegisterValue, tagOf, tagRegister, type Write } from '../core/register.ts';
import { pack } from './message-pack.ts';
import { asArray, asInteger, MalformedValue } from './packed-values.ts';

const createdAtCode = 6;

/** What a Date can hold (ECMA-262 §21.4.1.1): beyond it a change has no JSON form. */
const maxDateMs = 8.64e15;

export function packChange(change: Change): Uint8Array {
  return pack(changeToPacked(change));
}

export function changeToPacked(change: Change): unknown[] {
  const items: unknown[] = [];
  for (const { register, value } of change.writes) items.push(registerToCode(register), valueToPacked(register, value));
  if (change.createdAt !== undefined) items.push(createdAtCode, change.createdAt);
  return items;
}

/** @throws MalformedValue when it is no list of pairs, or names something that is no register. Values are not checked. */
export function changeFromPacked(item: unknown, path: string): Change {
  const items = asArray(item, path, 0, 2 * maxPatchOperations);
  if (items.length % 2 === 1) throw new MalformedValue(path, 'must be pairs of register and value');
  const writes: Write[] = [];
  let createdAt: number | undefined;
  for (let i = 0; i < items.length; i += 2) {
    if (items[i] === createdAtCode) createdAt = asInteger(items[i + 1], `${path}.createdAt`, -maxDateMs, maxDateMs);
    else {
      const register = registerFromCode(items[i], path);
      for (const write of writes) if (write.register === register) throw new MalformedValue(path, 'names a register twice');
      writes.push({ register, value: valueFromPacked(register, items[i + 1]) });
    }
  }
  return createdAt === undefined ? { writes } : { writes, createdAt };
}

export function registerToCode(register: RegisterName): number | string {
  return tagOf(register) ?? (fieldRegisters as readonly string[]).indexOf(register);
}

export function registerFromCode(code: unknown, path: string): RegisterName {
  if (typeof code === 'string') return tagRegister(code);
  const register = fieldRegisters[asInteger(code, path)];
  if (register === undefined) throw new MalformedValue(path, `has no register ${String(code)}`);
  return register;
}

function valueToPacked(register: RegisterName, value: RegisterValue): unknown {
  if (register === 'type') return (memoryTypes as readonly unknown[]).indexOf(value);
  if (register === 'scope') return (memoryScopes as readonly unknown[]).indexOf(value);
  return value;
}

/** An unknown type or scope stays the number that it is: the value check of core refuses it and names the register. */
function valueFromPacked(register: RegisterName, value: unknown): RegisterValue {
  if (register === 'type' && typeof value === 'number') return memoryTypes[value] ?? value;
  if (register === 'scope' && typeof value === 'number') return memoryScopes[value] ?? value;
  return (value === undefined ? null : value) as RegisterValue;
}
