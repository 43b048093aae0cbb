/**
 * The OpenAPI document as a judge: whether an answer is one that the document promises, and which answers it promises at all.
 * Answers are judged more strictly than callers have to: a member that is not documented is an error here.
 */
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';

export type Json = Readonly<Record<string, unknown>>;

interface HeaderObject {
  readonly required?: boolean;
  readonly schema: Json;
}

export interface ResponseObject {
  readonly description: string;
  readonly headers?: Readonly<Record<string, HeaderObject>>;
  readonly content?: Readonly<Record<string, { readonly schema: Json }>>;
}

export interface ParameterObject {
  readonly name: string;
  readonly in: 'path' | 'query' | 'header';
  readonly required: boolean;
  readonly description?: string;
  readonly schema: Json;
}

export interface OperationObject {
  readonly operationId: string;
  readonly summary: string;
  readonly description?: string;
  readonly tags: readonly string[];
  readonly security: readonly object[];
  readonly parameters?: readonly ParameterObject[];
  readonly requestBody?: {
    readonly content: Readonly<
      Record<string, { readonly schema: Json; readonly examples?: Readonly<Record<string, { readonly value: unknown }>> }>
    >;
  };
  readonly responses: Readonly<Record<string, ResponseObject>>;
}

export interface OpenApiDocument {
  readonly openapi: string;
  readonly info: { readonly description: string };
  readonly tags: readonly { readonly name: string; readonly description: string }[];
  readonly paths: Readonly<Record<string, Readonly<Record<string, OperationObject>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, Json>> };
}

export interface Operation extends OperationObject {
  readonly path: string;
  /** In upper case. */
  readonly method: string;
}

/** What came back. `body`: parsed when it is JSON, else bytes; undefined when there is none. */
export interface Answered {
  readonly status: number;
  readonly headers: Headers;
  readonly body: unknown;
}

export interface Contract {
  readonly document: OpenApiDocument;
  readonly operations: ReadonlyMap<string, Operation>;
  /** Every outcome that the document knows, as `createMemory 409 memory_exists` or `createMemory 201 application/json`. */
  readonly outcomes: ReadonlySet<string>;
  outcomeOf(operation: Operation, answer: Answered): string;
  /** What is not as documented; empty when all is. */
  faultsOf(operation: Operation, answer: Answered): readonly string[];
  /** Whether a body is one that the operation takes, by the document alone. */
  takes(operation: Operation, mediaType: string, body: unknown): boolean;
  /** A validator of what stands at a JSON Pointer into the document. */
  validatorAt(pointer: string): ValidateFunction;
}

const problemType = 'application/problem+json';

export async function readContract(url: string): Promise<Contract> {
  return createContract((await (await fetch(`${url}/openapi.json`)).json()) as OpenApiDocument);
}

export function createContract(document: OpenApiDocument): Contract {
  const ajv = new Ajv2020({ strict: false, allErrors: true });
  addFormats.default(ajv);
  ajv.addSchema({ $id: 'https://api.test/openapi.json', ...document });
  ajv.addSchema({ $id: 'https://api.test/closed.json', ...closed(document) });
  const operations = operationsOf(document);
  const validatorAt = (pointer: string, file = 'openapi'): ValidateFunction => {
    const validate = ajv.getSchema(`https://api.test/${file}.json#${pointer}`);
    if (validate === undefined) throw new Error(`the document has nothing at ${pointer}`);
    return validate as ValidateFunction;
  };
  const faultsAt = (pointer: string, value: unknown): readonly string[] => {
    const validate = validatorAt(pointer, 'closed');
    if (validate(value)) return [];
    return (validate.errors ?? []).map(({ instancePath, message }) => `${instancePath || 'the body'} ${message}`);
  };
  return {
    document,
    operations,
    outcomes: new Set([...operations.values()].flatMap(outcomesOf)),
    outcomeOf,
    faultsOf(operation, answer) {
      const response = operation.responses[answer.status];
      if (response === undefined) return [`status ${answer.status} is not documented`];
      const at = `${pointerOf(operation)}/responses/${answer.status}`;
      return [...headerFaults(response, answer, at, faultsAt), ...bodyFaults(response, answer, at, faultsAt)];
    },
    takes: (operation, mediaType, body) =>
      validatorAt(`${pointerOf(operation)}/requestBody/content/${pointerPart(mediaType)}/schema`)(body) === true,
    validatorAt: (pointer) => validatorAt(pointer),
  };
}

type FaultsAt = (pointer: string, value: unknown) => readonly string[];

function headerFaults({ headers = {} }: ResponseObject, answer: Answered, at: string, faultsAt: FaultsAt): readonly string[] {
  return Object.entries(headers).flatMap(([name, { required, schema }]) => {
    const text = answer.headers.get(name);
    if (text === null) return required === true ? [`the header ${name} is missing`] : [];
    const value = schema['type'] === 'integer' ? Number(text) : text;
    return faultsAt(`${at}/headers/${name}/schema`, value).map((fault) => `header ${name}: ${fault}`);
  });
}

function bodyFaults({ content }: ResponseObject, answer: Answered, at: string, faultsAt: FaultsAt): readonly string[] {
  if (content === undefined) return answer.body === undefined ? [] : ['there is a body where none is documented'];
  const mediaType = mediaTypeOf(answer);
  if (content[mediaType] === undefined) return [`the media type ${mediaType} is not documented`];
  const value = answer.body instanceof Uint8Array ? Buffer.from(answer.body).toString() : answer.body;
  return faultsAt(`${at}/content/${pointerPart(mediaType)}/schema`, value);
}

function outcomeOf({ operationId }: Operation, answer: Answered): string {
  const mediaType = mediaTypeOf(answer);
  const what = mediaType === problemType ? String((answer.body as { code?: unknown }).code) : mediaType;
  return `${operationId} ${answer.status} ${what}`.trim();
}

function outcomesOf({ operationId, responses }: Operation): readonly string[] {
  return Object.entries(responses).flatMap(([status, { content }]) => {
    if (content === undefined) return [`${operationId} ${status}`];
    return Object.entries(content).flatMap(([mediaType, { schema }]) =>
      mediaType === problemType
        ? codesOf(schema).map((code) => `${operationId} ${status} ${code}`)
        : `${operationId} ${status} ${mediaType}`,
    );
  });
}

interface ProblemSchema {
  readonly allOf?: readonly { readonly properties?: { readonly code?: { readonly enum?: readonly string[] } } }[];
}

function codesOf(schema: Json): readonly string[] {
  return ((schema as ProblemSchema).allOf ?? []).flatMap((part) => part.properties?.code?.enum ?? []);
}

const mediaTypeOf = ({ headers }: Answered): string => (headers.get('content-type') ?? '').split(';', 1)[0]?.trim() ?? '';

function operationsOf({ paths }: OpenApiDocument): ReadonlyMap<string, Operation> {
  const operations = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ ...operation, path, method: method.toUpperCase() })),
  );
  return new Map(operations.map((operation) => [operation.operationId, operation]));
}

const pointerOf = ({ path, method }: Operation): string => `/paths/${pointerPart(path)}/${method.toLowerCase()}`;

/** RFC 6901, in a fragment. */
const pointerPart = (part: string): string => encodeURIComponent(part.replaceAll('~', '~0').replaceAll('/', '~1'));

/** Closes every object schema that the document leaves open for later members. Parts of an `allOf` are closed by the whole. */
function closed<T>(node: T, isPart = false): T {
  if (Array.isArray(node)) return node.map((item: unknown) => closed(item, isPart)) as T;
  if (typeof node !== 'object' || node === null) return node;
  const entries = Object.entries(node).map(([key, value]) => [key, key === 'examples' ? value : closed(value, key === 'allOf')]);
  const copy = Object.fromEntries(entries) as Record<string, unknown>;
  const isObject = copy['type'] === 'object' && copy['properties'] !== undefined && copy['additionalProperties'] === undefined;
  if ((isObject && !isPart) || (Array.isArray(copy['allOf']) && copy['type'] === undefined))
    copy['unevaluatedProperties'] = false;
  return copy as T;
}
