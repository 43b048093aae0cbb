/** A record of this API, or of the extension's own database, as a memory. */
import { v5 } from 'uuid';
import { adoptedIdName, adoptedIdNamespace } from '../../core/adopted-id.ts';
import { isCallersModel, vectorSize } from '../../core/embedding.ts';
import { type MemoryId, nilMemoryId, parseId } from '../../core/ids.ts';
import { type MemoryFields, type MemoryScope, type MemoryType, memoryLimits, type Source } from '../../core/memory.ts';
import { checkWrite, type FieldRegister, type RegisterValue, tagRegister } from '../../core/register.ts';
import { scopeProblem, typeProblem } from '../../core/value-checks.ts';
import { type Content, type Fault, type FileEmbedding, fault } from './item.ts';
import { type Fields, isObject, toMs } from './values.ts';

/**
 * A wrong value fails the record and is named. Type and scope that are missing are `fact` and `user_global`; so are unknown ones
 * of the extension (its times are numbers), whose devices take its records over in the same way.
 */
export function toMemory(record: Fields): Content {
  if (record['deleted'] === true || (record['deletedAt'] !== undefined && record['deletedAt'] !== null)) return { deleted: true };
  const faults: Fault[] = [];
  const note = (found: Fault | null): void => void (found !== null && faults.push(found));
  const isLenient = typeof record['createdAt'] === 'number';
  const fields = toFields(record, isLenient, note);
  const time = (name: string): number | null => {
    const value = record[name] ?? null;
    const ms = toMs(value);
    if (value !== null && ms === null) note(fault(name, 'must be a time since 1970').fault);
    return ms;
  };
  const createdAt = time('createdAt');
  const updatedAt = time('updatedAt') ?? createdAt;
  const embedding = toEmbedding(record, note);
  const id = toId(record['id'] ?? null, createdAt, note);
  const [first] = faults;
  return first === undefined ? { memory: { id, fields, createdAt, updatedAt, embedding } } : { fault: first };
}

/** The memory, or what it cannot hold of it. */
export function checkedMemory(
  fields: MemoryFields,
  {
    id,
    createdAt = null,
    updatedAt = createdAt,
  }: { readonly id: MemoryId; readonly createdAt?: number | null; readonly updatedAt?: number | null },
): Content {
  const found = findFault(fields);
  return found === null ? { memory: { id, fields, createdAt, updatedAt, embedding: null } } : { fault: found };
}

/** The first field that a memory cannot hold; null where all can be. */
function findFault(fields: MemoryFields): Fault | null {
  for (const name of ['content', 'type', 'scope', 'confidence', 'source'] as const) {
    const found = check(name, fields[name]);
    if (found !== null) return found;
  }
  if (fields.tags.length > memoryLimits.tags) return fault('tags', `must be at most ${memoryLimits.tags}`).fault;
  for (const [index, tag] of fields.tags.entries()) {
    const result = checkWrite({ register: tagRegister(tag), value: true });
    if (!result.ok) return fault(`tags.${index}`, result.error.message).fault;
  }
  return null;
}

export const toTags = (tags: Iterable<string>): readonly string[] => [...new Set(tags)].sort();

function check(name: FieldRegister, value: RegisterValue): Fault | null {
  const result = checkWrite({ register: name, value });
  return result.ok ? null : fault(name, result.error.message).fault;
}

type Note = (found: Fault | null) => void;

function toFields(record: Fields, isLenient: boolean, note: Note): MemoryFields {
  const or = <T>(value: unknown, instead: T, problem: (value: unknown) => string | null): T =>
    value === undefined || value === null || (isLenient && problem(value) !== null) ? instead : (value as T);
  const tags = record['tags'] ?? [];
  const isList = Array.isArray(tags) && tags.every((tag) => typeof tag === 'string');
  if (!isList) note(fault('tags', 'must be a list of texts').fault);
  const fields: MemoryFields = {
    content: record['content'] as string,
    type: or<MemoryType>(record['type'], 'fact', typeProblem),
    scope: or<MemoryScope>(record['scope'], 'user_global', scopeProblem),
    confidence: (record['confidence'] ?? null) as number | null,
    source: toSource(record['source'] ?? null, note),
    tags: isList ? [...new Set(tags)] : [],
  };
  note(findFault(fields));
  return { ...fields, tags: toTags(fields.tags) };
}

const sourceParts = ['url', 'platform', 'timestamp', 'conversationId', 'title'] as const;

function toSource(value: unknown, note: Note): Source | null {
  if (value === null) return null;
  if (!isObject(value)) {
    note(fault('source', 'must be an object').fault);
    return null;
  }
  const given: Fields =
    value['title'] === undefined && value['pageTitle'] !== undefined ? { ...value, title: value['pageTitle'] } : value;
  const parts = sourceParts.flatMap((name) => {
    const part = given[name];
    if (part === undefined || part === null || part === '') return [];
    const ms = name === 'timestamp' && typeof part === 'number' ? toMs(part) : null;
    return [[name, ms === null ? part : new Date(ms).toISOString()] as const];
  });
  return parts.length === 0 ? null : (Object.fromEntries(parts) as Source);
}

function toEmbedding(record: Fields, note: Note): FileEmbedding | null {
  const numbers = record['embedding'] ?? null;
  if (numbers === null || (Array.isArray(numbers) && numbers.length === 0)) return null;
  const isVector =
    Array.isArray(numbers) &&
    numbers.length <= vectorSize &&
    numbers.every((number) => typeof number === 'number' && Number.isFinite(number));
  if (!isVector) note(fault('embedding', `must be at most ${vectorSize} numbers`).fault);
  const model = record['embeddingModel'] ?? '';
  const isModel = model === '' || (typeof model === 'string' && isCallersModel(model));
  if (!isModel) note(fault('embeddingModel', 'is not a possible name of a model of yours').fault);
  return isVector && isModel ? { numbers, model: model === '' ? undefined : model } : null;
}

/** Ids that are no UUID become one as devices make it of the same record. */
function toId(id: unknown, createdAt: number | null, note: Note): MemoryId | null {
  if (id === null) return null;
  const parsed = parseId<MemoryId>(id);
  if (parsed !== null && parsed !== nilMemoryId) return parsed;
  if ((typeof id === 'string' && id !== '' && id.length <= 512) || typeof id === 'number')
    return v5(adoptedIdName(id, createdAt), adoptedIdNamespace) as MemoryId;
  note(fault('id', 'must be a UUID, a text or a number').fault);
  return null;
}
