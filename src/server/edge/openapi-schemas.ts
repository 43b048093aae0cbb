/** From zod to the JSON Schema of OpenAPI 3.1 (draft 2020-12). */
import { isDeepStrictEqual } from 'node:util';
import { z } from 'zod';
import { componentNames } from './component-names.ts';
import { documentationOf } from './documented-as.ts';

export type Json = Readonly<Record<string, unknown>>;
type Direction = 'input' | 'output';

export interface SchemaWriter {
  /** Refers to the components that it adds. */
  write(schema: z.ZodType, direction: Direction): Json;
  readonly components: ReadonlyMap<string, Json>;
}

/** Schemas with a name become components, the others stand where they are used. */
export function createSchemaWriter(): SchemaWriter {
  const components = new Map<string, Json>();
  return {
    components,
    write(schema, direction) {
      const written = z.toJSONSchema(schema, {
        io: direction,
        unrepresentable: 'any',
        metadata: new Names(),
        override: ({ zodSchema, jsonSchema }) => tidy(zodSchema, jsonSchema, direction),
      });
      const { $schema, $defs = {}, ...json } = written;
      const nameById = new Map<string, string>();
      for (const id of Object.keys($defs)) nameById.set(id, freeName(components, id, $defs, direction));
      for (const [id, name] of nameById) components.set(name, withNames($defs[id] as Json, nameById));
      return withNames(json, nameById);
    },
  };
}

/** What is written and what is read under one name may differ: then each has its own. */
function freeName(components: ReadonlyMap<string, Json>, id: string, definitions: Json, direction: Direction): string {
  const known = components.get(id);
  const same = new Map(Object.keys(definitions).map((name) => [name, name]));
  if (known === undefined || isDeepStrictEqual(known, withNames(definitions[id] as Json, same))) return id;
  return direction === 'input' ? `${id}Input` : `${id}Output`;
}

function withNames(json: Json, nameById: ReadonlyMap<string, string>): Json {
  const text = JSON.stringify(json);
  return JSON.parse(text.replaceAll(/#\/\$defs\/(\w+)/g, (_, id: string) => `#/components/schemas/${nameById.get(id) ?? id}`));
}

/** The names of schemas that must not carry one themselves stand in a table. */
class Names extends z.core.$ZodRegistry<Meta> {
  override get<Schema extends z.core.$ZodType>(schema: Schema): z.core.$replace<Meta, Schema> | undefined {
    const id = componentNames.get(schema);
    const meta: Meta | undefined = z.globalRegistry.get(schema);
    // None of what stands here is a type of the schema, which is all that is replaced.
    return (id === undefined ? meta : { ...meta, id }) as z.core.$replace<Meta, Schema> | undefined;
  }
}

type Meta = Record<string, unknown>;

const formats = new Set<unknown>(['date-time', 'date', 'uuid', 'email']);

function tidy(schema: z.core.$ZodType, json: z.core.JSONSchema.BaseSchema, direction: Direction): void {
  const documented = documentationOf(schema);
  if (documented !== undefined) {
    for (const key of Object.keys(json)) if (key !== 'description' && key !== 'default') delete json[key];
    Object.assign(json, documented);
  }
  // Of a type in TypeScript; in OpenAPI it would say that requests must not have it.
  delete json.readOnly;
  if (isDeepStrictEqual(json.propertyNames, { type: 'string' })) delete json.propertyNames;
  // The format says it, and its pattern fills the page.
  if (formats.has(json.format)) delete json.pattern;
  // Every integer is one that a double holds.
  if (json.minimum === Number.MIN_SAFE_INTEGER) delete json.minimum;
  if (direction === 'input') return;
  if (json.maximum === Number.MAX_SAFE_INTEGER) delete json.maximum;
  // An answer may have more members in a later version: a client that refuses them would break by an addition.
  if (json.additionalProperties === false) delete json.additionalProperties;
}
