/**
 * Registers: the units of conflict. A memory is six of them and one per tag, each a last-writer-wins cell of its own, so
 * two devices that change different fields, or add different tags, never disturb each other (MRG-3).
 */
import * as z from 'zod/mini';
import {
  confidenceSchema,
  contentSchema,
  isStorable,
  memoryLimits,
  memoryScopes,
  memoryTypes,
  type Source,
  scopeSchema,
  sourceSchema,
  tagSchema,
  typeSchema,
} from './memory.ts';
import { err, ok, type Result } from './result.ts';

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
  if (isPlainlyValid(write)) return ok(write);
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

const isPlainObject = (value: object): boolean => Object.prototype.toString.call(value) === '[object Object]';

const schemaByField: Readonly<Record<Exclude<FieldRegister, 'deleted'>, z.ZodMiniType>> = {
  content: contentSchema,
  type: typeSchema,
  scope: scopeSchema,
  confidence: z.nullable(confidenceSchema),
  source: z.nullable(sourceSchema),
};

/** Most writes, told without a schema: a tenth of the time, and no verdict of its own on what is not so plain. */
function isPlainlyValid({ register, value }: Write): boolean {
  switch (register) {
    case 'content':
      return typeof value === 'string' && value.length > 0 && value.length <= memoryLimits.contentChars && isStorable(value);
    case 'type':
      return (memoryTypes as readonly unknown[]).includes(value);
    case 'scope':
      return (memoryScopes as readonly unknown[]).includes(value);
    case 'deleted':
      return typeof value === 'boolean';
    case 'confidence':
      return value === null || (typeof value === 'number' && value >= 0 && value <= 1);
    default:
      return value === null && register === 'source';
  }
}

function findProblem({ register, value }: Write): string | null {
  const tag = tagOf(register);
  if (register === 'deleted' || tag !== null) {
    if (typeof value !== 'boolean') return 'must be true or false';
    return tag === null ? null : firstIssue(tagSchema, tag);
  }
  // To zod an empty byte string, Map or Date is an object without keys.
  if (register === 'source' && isSource(value) && !isPlainObject(value)) return 'must be an object';
  return firstIssue(schemaByField[register as keyof typeof schemaByField], value);
}

function firstIssue(schema: z.ZodMiniType, value: unknown): string | null {
  const parsed = schema.safeParse(value);
  if (parsed.success) return null;
  const issue = parsed.error.issues[0];
  return issue === undefined ? 'is invalid' : [...issue.path, issue.message].join(': ');
}
