/** Values of a query string, which is text: how each is read, and what it is in the document. */
import { z } from 'zod';
import { documentedAs } from './documented-as.ts';

export const flag = documentedAs(
  { type: 'boolean' },
  z.enum(['true', 'false']).transform((value) => value === 'true'),
);

export const cursorText = z.string().max(512).meta({ description: 'The `nextCursor` of the page before.' });

/** Digits and nothing else: what a language makes a number of (` 5`, `0x10`, an empty text) is more than a caller means. */
const integer = (minimum: number, maximum: number) =>
  documentedAs(
    { type: 'integer', minimum, maximum },
    z
      .string('must be one whole number')
      .regex(/^\d{1,16}$/, 'must be a whole number')
      .transform(Number)
      .pipe(z.number().min(minimum).max(maximum)),
  );

export const seq = integer(0, Number.MAX_SAFE_INTEGER);

/** From 0 to 1. */
export const share = documentedAs(
  { type: 'number', minimum: 0, maximum: 1 },
  z
    .string('must be one number')
    .regex(/^\d{1,16}(?:[.]\d{1,400})?(?:e-?\d{1,3})?$/, 'must be a number')
    .transform(Number)
    .pipe(z.number().min(0).max(1)),
);

const isoTime = z.union([z.iso.datetime({ offset: true }), z.iso.date()], 'must be an ISO 8601 time or date');

/** Unix ms. */
export const time = isoTime.transform((text) => Date.parse(text));

/** A place in the log: a seq, or a time. */
export const moment = documentedAs(
  {
    anyOf: [
      { type: 'integer', minimum: 0, maximum: 999_999_999_999_999 },
      { type: 'string', format: 'date-time' },
      { type: 'string', format: 'date' },
    ],
  },
  z
    .union([z.string().regex(/^\d{1,15}$/), isoTime], 'must be a seq or an ISO 8601 time')
    .transform((text) => (/^\d+$/.test(text) ? { seq: Number(text) } : { ms: Date.parse(text) })),
);

export const limit = (max: number, usual: number) =>
  integer(1, max).default(usual).meta({ description: 'Items of a page at most.' });

const severalText = 'Repeated, or separated by commas; a comma of the value itself is written `\\,`.';

/** One value or several: repeated, or separated by commas. A comma of the value itself is written `\,`. */
export function several<Item extends z.core.$ZodType<unknown, string>>(item: Item) {
  const { $schema: _, ...items } = z.toJSONSchema(item);
  return documentedAs(
    { type: 'array', items, minItems: 1, maxItems: 64, description: severalText },
    z
      .union([z.string(), z.array(z.string())])
      .transform((given) => (typeof given === 'string' ? [given] : given).flatMap(splitAtCommas))
      .pipe(z.array(item).min(1).max(64)),
  );
}

const splitAtCommas = (text: string): string[] => text.split(/(?<!\\),/).map((part) => part.replaceAll('\\,', ','));
