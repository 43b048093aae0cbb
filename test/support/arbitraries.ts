/**
 * Random values of the domain for fast-check. `…Arb` draws what a well-behaved writer sends; what lies out of bounds is
 * called so. Clocks and values of histories come from small sets, so that ties, equal values and conflicts are common.
 */
import fc from 'fast-check';
import type { Change } from '../../src/core/change.ts';
import { type Hlc, maxHlcCount, maxHlcMs } from '../../src/core/clock.ts';
import { type AnyId, type DeviceId, idFromBytes, type MemoryId } from '../../src/core/ids.ts';
import { isStorable, type Memory, memoryLimits, memoryScopes, memoryTypes, type Source } from '../../src/core/memory.ts';
import { tagSchema } from '../../src/core/memory-schemas.ts';
import { type RegisterName, type RegisterValue, tagRegister, type Write } from '../../src/core/register.ts';

export const idArb = <Id extends AnyId>(): fc.Arbitrary<Id> =>
  fc.uint8Array({ minLength: 16, maxLength: 16 }).map((bytes) => idFromBytes<Id>(bytes));

export const deviceIdArb = idArb<DeviceId>();
export const memoryIdArb = idArb<MemoryId>();

export const seqArb = fc.oneof(fc.nat(300), fc.maxSafeNat());

/** Unix ms within the 48 bits of a stamp. */
export const timeArb = fc.oneof(fc.integer({ min: 0, max: maxHlcMs }), fc.integer({ min: 1.7e12, max: 1.8e12 }));

export const hlcArb: fc.Arbitrary<Hlc> = fc.record({ ms: timeArb, count: fc.nat(maxHlcCount) });

/** Text of any script, emoji and combining marks included, that UTF-8 and PostgreSQL can hold. */
export const textArb = (maxLength: number): fc.Arbitrary<string> =>
  fc.oneof(fc.string({ minLength: 1, maxLength }), fc.string({ minLength: 1, maxLength, unit: 'binary' })).filter(isStorable);

/** With `/` and `~` more often than chance has it: JSON Pointer escapes them. */
export const tagArb: fc.Arbitrary<string> = fc
  .oneof(textArb(12), fc.string({ minLength: 1, maxLength: 6, unit: fc.constantFrom('/', '~', '0', '1', 'a') }))
  .filter((tag) => tagSchema.safeParse(tag).success);

export const confidenceArb = fc.double({ min: 0, max: 1, noNaN: true }).map((value) => (value === 0 ? 0 : value));

export const sourceArb: fc.Arbitrary<Source> = fc.record(
  {
    url: fc.webUrl(),
    platform: textArb(20),
    timestamp: timeArb.filter((ms) => ms < 253_402_300_800_000).map((ms) => new Date(ms).toISOString()),
    conversationId: textArb(20),
    title: textArb(20),
  },
  { requiredKeys: [], noNullPrototype: true },
);

/** One valid write of any register. */
export const writeArb: fc.Arbitrary<Write> = fc.oneof(
  writeOf('content', textArb(60)),
  writeOf('type', fc.constantFrom(...memoryTypes)),
  writeOf('scope', fc.constantFrom(...memoryScopes)),
  writeOf('confidence', fc.option(confidenceArb)),
  writeOf('source', fc.option(sourceArb)),
  writeOf('deleted', fc.boolean()),
  fc.record({ register: tagArb.map(tagRegister), value: fc.boolean() }),
);

/** Writes of different registers. */
export const writesArb: fc.Arbitrary<Write[]> = fc.uniqueArray(writeArb, { selector: (write) => write.register, maxLength: 8 });

export const changeArb: fc.Arbitrary<Change> = fc.record(
  { writes: writesArb, createdAt: timeArb },
  { requiredKeys: ['writes'], noNullPrototype: true },
);

export const memoryArb: fc.Arbitrary<Memory> = fc
  .record({
    id: memoryIdArb,
    seq: seqArb,
    createdAt: timeArb,
    updatedAt: timeArb,
    content: textArb(60),
    type: fc.constantFrom(...memoryTypes),
    scope: fc.constantFrom(...memoryScopes),
    confidence: fc.option(confidenceArb),
    source: fc.option(sourceArb),
    tags: fc.uniqueArray(tagArb, { maxLength: 5 }).map((tags) => tags.sort()),
    state: fc.constantFrom('live', 'deleted', 'erased'),
  })
  .map(({ state, ...memory }) => ({ ...memory, deleted: state !== 'live', erased: state === 'erased' }));

/** Values that no caller may store, whatever the register: wrong type, out of bounds, or not storable as text. */
export const weirdValueArb: fc.Arbitrary<RegisterValue> = fc.oneof(
  fc.constantFrom<unknown>(
    Number.NaN,
    Number.POSITIVE_INFINITY,
    -1,
    1e300,
    '',
    '\0',
    'a\0b',
    '\ud800',
    'tail \udfff',
    'x'.repeat(memoryLimits.contentChars + 1),
    'x'.repeat(1_048_576),
    JSON.parse('{"__proto__": {"polluted": true}}'),
    { url: '' },
    { url: 'https://example.org', extra: 1 },
    { timestamp: 'yesterday' },
    Uint8Array.of(1, 2, 3),
    [],
    undefined,
    10n,
  ),
  fc.anything({ withBigInt: true, withDate: true, withMap: true, withTypedArray: true, maxDepth: 2 }),
) as fc.Arbitrary<RegisterValue>;

/** Tags that no caller may store. */
export const weirdTagArb = fc.constantFrom(
  '',
  '\0',
  '\ud800',
  '__proto__',
  'x'.repeat(memoryLimits.tagChars + 1),
  'x'.repeat(1_048_576),
);

/** A step of a history: devices write to their outbox, push it, and pull the log, in any order. */
export type HistoryStep =
  | { readonly does: 'write'; readonly device: number; readonly memory: number; readonly hlc: Hlc; readonly change: Change }
  | { readonly does: 'push'; readonly device: number; readonly ops: number }
  | { readonly does: 'pull'; readonly device: number; readonly events: number };

export const historyDevices = 3;
export const historyMemories = 2;

/** Writes of a few registers with a few values each. */
const fewWritesArb: fc.Arbitrary<Write[]> = fc.uniqueArray(
  fc.oneof(
    { arbitrary: writeOf('content', fc.constantFrom('a', 'b', 'c')), weight: 3 },
    { arbitrary: writeOf('confidence', fc.constantFrom(null, 0.5)), weight: 1 },
    { arbitrary: writeOf('tags/ui', fc.boolean()), weight: 1 },
    { arbitrary: writeOf('deleted', fc.boolean()), weight: 3 },
  ),
  { selector: (write) => write.register, minLength: 1, maxLength: 3 },
);

const deviceArb = fc.nat(historyDevices - 1);

/** Histories of three devices and two memories. Each memory is there from the start; clocks run as they please. */
export const historyArb: fc.Arbitrary<HistoryStep[]> = fc.array(
  fc.oneof(
    {
      arbitrary: fc.record({
        does: fc.constant('write' as const),
        device: deviceArb,
        memory: fc.nat(historyMemories - 1),
        hlc: fc.record({ ms: fc.nat(6), count: fc.nat(1) }),
        change: fc.record({ writes: fewWritesArb }),
      }),
      weight: 4,
    },
    {
      arbitrary: fc.record({ does: fc.constant('push' as const), device: deviceArb, ops: fc.integer({ min: 1, max: 3 }) }),
      weight: 3,
    },
    {
      arbitrary: fc.record({ does: fc.constant('pull' as const), device: deviceArb, events: fc.integer({ min: 1, max: 6 }) }),
      weight: 2,
    },
  ),
  { minLength: 8, maxLength: 40, size: 'max' },
);

function writeOf(register: RegisterName, value: fc.Arbitrary<RegisterValue>): fc.Arbitrary<Write> {
  return fc.record({ register: fc.constant(register), value }, { noNullPrototype: true });
}
