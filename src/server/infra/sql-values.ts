/** PostgreSQL's text forms as JavaScript values, the same for both engines. */

export type ValueParser = (text: string) => unknown;

const parseBytea = (text: string): Buffer => Buffer.from(text.slice(2), 'hex');

// The server writes `2026-01-31 12:00:00.5+00`; only the ISO form is parsed alike by every JavaScript engine.
const parseTimestamptz = (text: string): Date => new Date(text.replace(' ', 'T').replace(/([+-]\d\d)$/, '$1:00'));

const parseBoolean = (text: string): boolean => text === 't';

const scalars: readonly (readonly [oid: number, arrayOid: number, parse: ValueParser])[] = [
  [16, 1000, parseBoolean],
  [17, 1001, parseBytea],
  [20, 1016, Number], // int8: every one of ours is below 2^53
  [21, 1005, Number],
  [23, 1007, Number],
  [26, 1028, Number],
  [25, 1009, String],
  [1043, 1015, String],
  [2950, 2951, String],
  [1700, 1231, String], // numeric, date, timestamp: nothing in JavaScript holds them as they are
  [1082, 1182, String],
  [1114, 1115, String],
  [700, 1021, Number],
  [701, 1022, Number],
  [1184, 1185, parseTimestamptz],
  [114, 199, JSON.parse],
  [3802, 3807, JSON.parse],
];

/** Parsers by type OID, arrays included. Types that are not listed stay text. */
export const valueParserByOid: ReadonlyMap<number, ValueParser> = new Map(
  scalars.flatMap(([oid, arrayOid, parse]): [number, ValueParser][] => [
    [oid, (text) => parse(text)],
    [arrayOid, (text) => parseArray(text, parse)],
  ]),
);

/** An array literal of one dimension, `{1,NULL,"a \"b\""}`. */
export function parseArray(text: string, parse: ValueParser): readonly unknown[] {
  const items: unknown[] = [];
  let at = 1;
  while (at < text.length - 1) {
    const end = text[at] === '"' ? endOfQuoted(text, at) : endOfBare(text, at);
    const raw = text.slice(at, end);
    if (raw.startsWith('"')) items.push(parse(raw.slice(1, -1).replace(/\\(.)/gs, '$1')));
    else items.push(raw === 'NULL' ? null : parse(raw));
    at = end + 1;
  }
  return items;
}

/** The index after the closing quote of the item that opens at `at`. */
function endOfQuoted(text: string, at: number): number {
  let index = at + 1;
  while (text[index] !== '"') index += text[index] === '\\' ? 2 : 1;
  return index + 1;
}

function endOfBare(text: string, at: number): number {
  const comma = text.indexOf(',', at);
  return comma === -1 ? text.length - 1 : comma;
}
