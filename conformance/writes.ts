/** What checks write. */
import { randomUUID } from 'node:crypto';
import type { MemoryId } from '../src/core/ids.ts';
import type { RegisterName, RegisterValue, Write } from '../src/core/register.ts';

export const newMemoryId = (): MemoryId => randomUUID() as MemoryId;

export const set = (register: RegisterName, value: RegisterValue): Write => ({ register, value });

/** What the first op of a memory has to write, and more. */
export function creation(content: string, ...more: readonly Write[]): readonly Write[] {
  return [set('content', content), set('type', 'fact'), set('scope', 'user_global'), ...more];
}
