/**
 * Registers: the units of conflict. A memory is six of them and one per tag, each a last-writer-wins cell of its own, so
 * two devices that change different fields, or add different tags, never disturb each other (MRG-3).
 */
import { memoryLimits, type Source } from './memory.ts';
import { err, ok, type Result } from './result.ts';
import { confidenceProblem, scopeProblem, sourceProblem, tagProblem, textProblem, typeProblem } from './value-checks.ts';

export type FieldRegister = 'content' | 'type' | 'scope' | 'confidence' | 'source' | 'deleted';
export type TagRegister = `tags/${string}`;
export type RegisterName = FieldRegister | TagRegister;

/** A tag's value is its presence. */
export type RegisterValue = string | number | boolean | Source | null;

/** One register set to a value. Removing means the register's empty value: null, or false for a tag and `deleted`. */
export interface Write {
  readonly register: RegisterName;
  readonly value: RegisterValue;
}

/** The index is the register's code on the binary wire: append only. */
export const fieldRegisters: readonly FieldRegister[] = ['content', 'type', 'scope', 'confidence', 'source', 'deleted'];

/** What the first op of a memory must write (MRG-5). */
export const requiredRegisters: readonly FieldRegister[] = ['content', 'type', 'scope'];

export const tagRegister = (tag: string): TagRegister => `tags/${tag}`;

/** The tag of a tag register, null for the others. */
export function tagOf(register: RegisterName): string | null {
  return register.startsWith('tags/') ? register.slice(5) : null;
}

export function isFieldRegister(name: string): name is FieldRegister {
  return (fieldRegisters as readonly string[]).includes(name);
}

/** The value of a register that nobody wrote. */
export function emptyValue(register: RegisterName): RegisterValue {
  return register === 'deleted' || tagOf(register) !== null ? false : null;
}

export interface InvalidWrite {
  /** JSON Pointer of the register, e.g. `/content`. */
  readonly path: string;
  readonly message: string;
}

/** The write itself when its value is within the bounds of core/memory, else what is wrong with it. */
export function checkWrite(write: Write): Result<Write, InvalidWrite> {
  const problem = findProblem(write);
  return problem === null ? ok(write) : err({ path: `/${write.register}`, message: problem });
}

/** Deep equality of two register values: writing an equal value is no conflict. */
export function valuesEqual(a: RegisterValue, b: RegisterValue): boolean {
  if (a === b) return true;
  if (!isSource(a) || !isSource(b)) return false;
  return sourceKeys.every((key) => a[key] === b[key]);
}

const sourceKeys = ['url', 'platform', 'timestamp', 'conversationId', 'title'] as const;

const isSource = (value: RegisterValue): value is Source => typeof value === 'object' && value !== null;

function findProblem({ register, value }: Write): string | null {
  switch (register) {
    case 'content':
      return textProblem(value, memoryLimits.contentChars);
    case 'type':
      return typeProblem(value);
    case 'scope':
      return scopeProblem(value);
    case 'confidence':
      return value === null ? null : confidenceProblem(value);
    case 'source':
      return value === null ? null : sourceProblem(value);
    case 'deleted':
      return presenceProblem(value);
    default:
      return presenceProblem(value) ?? tagProblem(register.slice(5));
  }
}

const presenceProblem = (value: RegisterValue): string | null => (typeof value === 'boolean' ? null : 'must be true or false');
