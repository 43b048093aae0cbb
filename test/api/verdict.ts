/** What the document says of a request before it is sent, and what is wrong with the answer that came. */
import type { Problem } from '../../src/server/edge/problem.ts';
import type { Answered, Contract, Operation, ParameterObject } from '../support/openapi.ts';
import type { Step } from './request-arbitrary.ts';
import { isStorableJson } from './schema-arbitrary.ts';

/** `open`: the document cannot tell. */
export type Expected = 'right' | 'wrong' | 'open';

/**
 * Fields that may be refused in a request that its schema takes: each has a rule that JSON Schema cannot say, and that the
 * document says in words. By operation, the paths that the problem may name.
 */
const saidInWords: Readonly<Record<string, RegExp>> = {
  // Cursors belong to their list; texts hold no NUL and no lone surrogate, a tag is not `__proto__`.
  listMemories: /^(cursor|tags)/,
  listConflicts: /^cursor$/,
  listEvents: /^cursor$/,
  listDevices: /^cursor$/,
  getMemoryHistory: /^cursor$/,
  getSyncUpdates: /^cursor$/,
  createMemory: /^(embeddingModel|tags)/,
  updateMemory: /^tags/,
  // A name is not `__proto__`; a value fits its place, also one that is copied there.
  patchMemory: /^\/|(path|from|value)$/,
  restoreMemory: /^$/,
  // A vector has a number that is not zero, a question more than spaces, and words need a question.
  searchMemories: /^(query|embedding|filter\.tags)/,
  ingestConversation: /^conversationText$/,
  importMemories: /^format$/,
  updateAccount: /^settings$/,
  // A key ends in the future.
  createApiKey: /^expiresAt$/,
  login: /^device\.id$/,
  register: /^device\.id$/,
  // The cursor is not beyond the log's; a page goes on from where it began.
  syncHello: /^cursor$/,
  getSyncSnapshot: /^at$/,
  // A stamp has 48 and 16 bits; only registers have a place.
  syncPush: /^ops\.\d+\.(hlc|patch)/,
};

export function expectationOf(contract: Contract, operation: Operation, step: Step): Expected {
  if (operation.requestBody !== undefined && !isStorableJson(step.body)) return 'open';
  const parts = [
    ...parameterVerdicts(contract, operation, step),
    bodyVerdict(contract, operation, step),
    ifMatchVerdict(operation, step),
  ];
  if (parts.includes('open')) return 'open';
  return parts.includes('wrong') ? 'wrong' : 'right';
}

function ifMatchVerdict({ parameters = [] }: Operation, { headers }: Step): Expected {
  const tag = headers['if-match'];
  if (tag === undefined || !parameters.some(({ name }) => name === 'If-Match')) return 'right';
  return /^(\*|(W\/)?"\d+"(, (W\/)?"\d+")*)$/.test(tag) ? 'right' : 'open';
}

function bodyVerdict(contract: Contract, operation: Operation, { body, mediaType }: Step): Expected {
  if (operation.requestBody === undefined) return 'right';
  if (operation.operationId === 'importMemories') return 'open';
  if (mediaType === undefined || operation.requestBody.content[mediaType] === undefined) return 'wrong';
  if (body instanceof Uint8Array) return 'wrong';
  const value = typeof body === 'string' ? parse(body) : body;
  if (value === undefined || (typeof body === 'string' && body.includes('__proto__'))) return 'wrong';
  return contract.takes(operation, mediaType, value) ? 'right' : 'wrong';
}

/** A string is sent as it is: undefined when it is no JSON. */
function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function parameterVerdicts(contract: Contract, operation: Operation, { params, query }: Step): readonly Expected[] {
  const { parameters = [] } = operation;
  const unknown = Object.keys(query).filter(
    (name) => !parameters.some((parameter) => parameter.in === 'query' && parameter.name === name),
  );
  // Where nothing is asked for, nothing is looked at.
  const takesQuery = parameters.some((parameter) => parameter.in === 'query');
  const verdicts = parameters.map((parameter, index) => {
    const given = parameter.in === 'path' ? params[parameter.name] : parameter.in === 'query' ? query[parameter.name] : undefined;
    return given === undefined ? 'right' : valueVerdict(contract, operation, { parameter, index, given });
  });
  return [...verdicts, unknown.length > 0 && takesQuery ? 'wrong' : 'right'];
}

interface Given {
  readonly parameter: ParameterObject;
  readonly index: number;
  readonly given: string | readonly string[];
}

function valueVerdict(contract: Contract, { path, method }: Operation, { parameter, index, given }: Given): Expected {
  if (!isStorableJson(given)) return 'open';
  const pointer = `/paths/${encodeURIComponent(path.replaceAll('/', '~1'))}/${method.toLowerCase()}/parameters/${index}/schema`;
  const validate = contract.validatorAt(pointer);
  return candidatesOf(parameter, given).some((value) => validate(value) === true) ? 'right' : 'wrong';
}

/** What a text in an address can mean. */
function candidatesOf({ schema }: ParameterObject, given: string | readonly string[]): readonly unknown[] {
  if (schema['type'] === 'array')
    return [[given].flat().flatMap((text) => text.split(/(?<!\\),/).map((part) => part.replaceAll('\\,', ',')))];
  if (typeof given !== 'string') return [given];
  const isNumber = schema['type'] === 'number' ? /^\d+([.]\d+)?(e-?\d+)?$/.test(given) : /^\d+$/.test(given);
  const number = isNumber ? [Number(given)] : [];
  const flag = given === 'true' || given === 'false' ? [given === 'true'] : [];
  return [given, ...number, ...flag];
}

const refusals: ReadonlySet<unknown> = new Set(['invalid_request', 'invalid_json', 'unsupported_media_type', 'too_large']);

/** What is wrong with the answer; null when nothing is. */
export function faultOf(contract: Contract, operation: Operation, step: Step, answer: Answered): string | null {
  const faults = contract.faultsOf(operation, answer);
  if (faults.length > 0) return faults.join('; ');
  if (answer.status >= 500) return 'a fault of the server';
  const { code, errors = [] } = (answer.body ?? {}) as Partial<Problem>;
  if (operation.security.length > 0 && step.token !== 'own') return answer.status === 401 ? null : 'a token was needed';
  const expected = expectationOf(contract, operation, step);
  const isRefused = answer.status >= 400 && refusals.has(code);
  if (expected === 'wrong' && !isRefused) return 'a request that the document does not allow was not refused';
  if (code === 'invalid_request' && operation.requestBody !== undefined && errors.length === 0)
    return 'the problem names no field';
  if (expected !== 'right' || !isRefused) return null;
  const isSaid =
    code === 'invalid_request' && errors.every(({ path }) => saidInWords[operation.operationId]?.test(path) === true);
  return isSaid ? null : 'a request that is right by the document was refused';
}
