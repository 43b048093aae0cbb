/** The memory that an op is the first one of, as a caller of the REST API writes it. */
import { tagOf } from '../src/core/register.ts';
import type { PushedOp } from '../src/protocol/frames.ts';

export interface RestMemory {
  readonly [field: string]: unknown;
  readonly tags: readonly string[];
}

export function toRestMemory({ change }: PushedOp): RestMemory {
  const fields: Record<string, unknown> = {};
  const tags: string[] = [];
  for (const { register, value } of change.writes) {
    const tag = tagOf(register);
    if (tag === null) fields[register] = value;
    else tags.push(tag);
  }
  return { ...fields, tags };
}
