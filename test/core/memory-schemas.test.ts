/** What the API publishes as schemas and what merge and clients check by hand is one truth. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { memoryLimits } from '../../src/core/memory.ts';
import {
  confidenceSchema,
  contentSchema,
  scopeSchema,
  sourceSchema,
  tagSchema,
  typeSchema,
} from '../../src/core/memory-schemas.ts';
import { checkWrite, type RegisterName, tagRegister } from '../../src/core/register.ts';

interface Schema {
  safeParse(value: unknown): {
    readonly success: boolean;
    readonly error?: { readonly issues: readonly { readonly path: readonly PropertyKey[]; readonly message: string }[] };
  };
}

const schemaByRegister: Readonly<Record<string, Schema>> = {
  content: contentSchema,
  type: typeSchema,
  scope: scopeSchema,
  confidence: confidenceSchema,
  source: sourceSchema,
};

const oddText = fc.oneof(
  fc.constantFrom('', 'a', 'fact', 'user_global', 'a\0b', '\ud800', '__proto__', 'constructor', '\u{1f600}'),
  fc.string({ unit: 'binary', maxLength: 70 }),
  fc.integer({ min: 60, max: 70 }).map((length) => '\u{1f600}'.repeat(length)),
  fc
    .constantFrom(memoryLimits.tagChars, memoryLimits.sourceTextChars, memoryLimits.sourceUrlChars, memoryLimits.contentChars)
    .chain((length) => fc.integer({ min: -1, max: 1 }).map((by) => 'x'.repeat(length + by))),
);

/** Times that nearly are, and days that nearly are. */
const oddTime = fc
  .tuple(
    fc.constantFrom('2024', '2023', '1900', '2000', '24', '+002024'),
    fc.constantFrom('01', '02', '04', '00', '13', '2'),
    fc.constantFrom('01', '28', '29', '30', '31', '00', '32'),
    fc.constantFrom('T', ' ', ''),
    fc.constantFrom('00:00:00', '23:59:59.999', '24:00:00', '12:60:00', '12:00', '12:00:60', '12:00:00.'),
    fc.constantFrom('Z', '+00:00', '-23:59', '+24:00', '+0100', '', 'z'),
  )
  .map(([year, month, day, t, time, zone]) => `${year}-${month}-${day}${t}${time}${zone}`);

const oddSource = fc.record(
  {
    url: fc.oneof(oddText, fc.constantFrom(undefined, null, 7)),
    platform: oddText,
    timestamp: fc.oneof(oddTime, oddText, fc.constantFrom(undefined, null, 0)),
    conversationId: oddText,
    title: oddText,
    other: fc.constant('a'),
    constructor: fc.constant('a'),
  },
  { requiredKeys: [] },
);

const oddValue = fc.oneof(
  { weight: 3, arbitrary: oddText },
  fc.double(),
  fc.constantFrom(0, 1, -0.1, 1.1, Number.NaN, Number.POSITIVE_INFINITY, true, [], {}, [1]),
  { weight: 3, arbitrary: oddSource },
);

/** `url: must be text`: as `checkWrite` words it; null when the value is fine. */
function problemOf(schema: Schema, value: unknown): string | null {
  const issue = schema.safeParse(value).error?.issues[0];
  return issue === undefined ? null : [...issue.path, issue.message].join(': ');
}

const checked = (register: RegisterName, value: unknown): string | null => {
  const result = checkWrite({ register, value: value as never });
  return result.ok ? null : result.error.message;
};

describe('the schemas of the API and the checks of the merge', () => {
  it.each(Object.entries(schemaByRegister))('[SEC-2] say the same of %s, in the same words', (register, schema) => {
    fc.assert(
      fc.property(oddValue, (value) => {
        expect(checked(register as RegisterName, value)).toBe(problemOf(schema, value));
      }),
      { numRuns: 1_000 },
    );
  });

  it('[SEC-2] say the same of a tag', () => {
    fc.assert(
      fc.property(oddText, (tag) => {
        expect(checked(tagRegister(tag), true)).toBe(problemOf(tagSchema, tag));
      }),
    );
  });

  it('[SEC-2] say the same of the time of a source', () => {
    fc.assert(
      fc.property(oddTime, (timestamp) => {
        expect(checked('source', { timestamp })).toBe(problemOf(sourceSchema, { timestamp }));
      }),
      { numRuns: 3_000 },
    );
  });

  it.each([new Map(), new Date(0), new Uint8Array(0), []])('[SEC-2] %o is no source', (value) => {
    expect(checked('source', value)).toBe('must be an object');
  });
});
