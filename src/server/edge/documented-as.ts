/**
 * What a schema is in the document where the schema itself says too little: a query string is text, and the schemas that read
 * numbers, lists and flags from it show as text or as nothing.
 */
import type { z } from 'zod';

type Json = Readonly<Record<string, unknown>>;

const jsonBySchema = new WeakMap<object, Json>();

export function documentedAs<Schema extends z.ZodType>(json: Json, schema: Schema): Schema {
  jsonBySchema.set(schema, json);
  return schema;
}

export const documentationOf = (schema: object): Json | undefined => jsonBySchema.get(schema);
