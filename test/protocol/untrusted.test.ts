/** What comes from outside is sound, or refused as MalformedValue before anything is built of it. */
import fc from 'fast-check';
import { Packr } from 'msgpackr';
import { describe, expect, it } from 'vitest';
import { packClientFrame, unpackClientFrame } from '../../src/protocol/binary-codec.ts';
import { wireLimits } from '../../src/protocol/limits.ts';
import { pack, unpackUntrusted } from '../../src/protocol/message-pack.ts';
import { MalformedValue } from '../../src/protocol/packed-values.ts';
import { parseClientFrame } from '../../src/protocol/parse-client-frame.ts';
import { clientFrameArb } from './frame-arbitraries.ts';

const hex = (text: string) => Uint8Array.from(Buffer.from(text, 'hex'));
const nested = (depth: number) => Uint8Array.of(...new Array<number>(depth).fill(0x91), 0xc0);

function outcomeOf<T>(read: () => T): T | MalformedValue {
  try {
    return read();
  } catch (error) {
    if (error instanceof MalformedValue) return error;
    throw error;
  }
}

const isRefused = (bytes: Uint8Array) => outcomeOf(() => unpackUntrusted(bytes)) instanceof MalformedValue;

const memoryId = '0190b5a8-7d3f-7c1e-8e5a-1b2c3d4e5f60';
const idBytes = hex(memoryId.replaceAll('-', ''));

describe('MessagePack from outside', () => {
  it('[SEC-2] a frame cut short anywhere is refused', () => {
    fc.assert(
      fc.property(clientFrameArb, (frame) => {
        const bytes = packClientFrame(frame);
        for (let end = 0; end < bytes.length; end++) expect(isRefused(bytes.subarray(0, end))).toBe(true);
      }),
      { numRuns: 50 },
    );
  });

  it('[SEC-2] a frame with bytes after its end is refused', () => {
    fc.assert(
      fc.property(clientFrameArb, fc.uint8Array({ minLength: 1, maxLength: 4 }), (frame, more) => {
        expect(isRefused(Buffer.concat([packClientFrame(frame), more]))).toBe(true);
      }),
    );
  });

  it('[SEC-2] random bytes are read or refused, nothing else', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        outcomeOf(() => unpackUntrusted(bytes));
        outcomeOf(() => unpackClientFrame(bytes));
      }),
      { numRuns: 3_000 },
    );
  });

  it('[SEC-2] a frame with some bytes changed is read or refused, nothing else', () => {
    const changesArb = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 3 });
    fc.assert(
      fc.property(clientFrameArb, changesArb, (frame, changes) => {
        const bytes = Uint8Array.from(packClientFrame(frame));
        for (const [at, byte] of changes) bytes[at % bytes.length] = byte;
        outcomeOf(() => unpackClientFrame(bytes));
      }),
      { numRuns: 1_500 },
    );
  });

  it('[SEC-2] any MessagePack value is a frame or refused, nothing else', () => {
    const itemArb = fc.anything({ withTypedArray: false, maxDepth: 3 });
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 14 }), fc.array(itemArb, { maxLength: 10 }), (code, items) => {
        outcomeOf(() => unpackClientFrame(pack([code, ...items])));
      }),
      { numRuns: 500 },
    );
  });

  it('[SEC-3] nesting is bounded', () => {
    expect(isRefused(nested(wireLimits.maxDepth))).toBe(false);
    expect(isRefused(nested(wireLimits.maxDepth + 1))).toBe(true);
    expect(isRefused(new Uint8Array(1_048_576).fill(0x91))).toBe(true);
    expect(isRefused(new Uint8Array(1_048_576).fill(0x81))).toBe(true);
  });

  it('[SEC-3] an array of empty arrays nests no deeper than two', () => {
    const bytes = new Uint8Array(1_000).fill(0x90);
    bytes.set([0xdc, 0x03, 0xe5]);
    expect(unpackUntrusted(bytes)).toHaveLength(997);
  });

  it.each([
    'ddffffffff',
    'dfffffffff',
    'dbffffffff',
    'c6ffffffff',
    'dcffff',
    'deffff',
    'daffff',
    'c5ffff',
    'd9ff',
    'c4ff',
    '9f',
    '8f',
    'bf',
    'dd7fffffffc0',
  ])('[SEC-3] %s declares a length that the bytes do not hold', (bytes) => {
    expect(isRefused(hex(bytes))).toBe(true);
  });

  it.each([
    'c1',
    'd40100',
    'd5010000',
    'd60100000000',
    'd8010000000000000000000000000000000000',
    'c7000000',
    'c70100ff',
    'c800010000',
    'c90000000100ff',
    '91d40100',
    'd6ff00000000',
  ])('[SYN-1] %s is an extension or an unassigned code', (bytes) => {
    expect(isRefused(hex(bytes))).toBe(true);
  });

  it('[SYN-1] the record extension of msgpackr is refused', () => {
    const records = new Packr({ useRecords: true }).pack([{ a: 1 }, { a: 2 }]);
    expect(isRefused(records)).toBe(true);
  });

  it.each(['8190c0', '8180c0', '81c4010101', '818101c0c0'])('[SEC-2] %s is a map whose key is no text', (bytes) => {
    expect(isRefused(hex(bytes))).toBe(true);
  });

  it('[SEC-2] a key __proto__ pollutes nothing', () => {
    outcomeOf(() => unpackUntrusted(pack(JSON.parse('{"__proto__": {"polluted": true}}'))));
    outcomeOf(() => unpackUntrusted(hex('81a95f5f70726f746f5f5f81a8706f6c6c75746564c3')));
    expect({}).not.toHaveProperty('polluted');
  });

  describe('text is taken exactly when it is UTF-8', () => {
    const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
    const decoded = (bytes: Uint8Array) => {
      try {
        return decoder.decode(bytes);
      } catch {
        return 'malformed';
      }
    };
    const read = (bytes: Uint8Array) => {
      const value = outcomeOf(() => unpackUntrusted(Uint8Array.of(0xd9, bytes.length, ...bytes)));
      return value instanceof MalformedValue ? 'malformed' : value;
    };

    it('[SEC-2] every kind of first byte with every kind of byte after it', () => {
      const firsts = [
        0x7f, 0x80, 0xbf, 0xc0, 0xc1, 0xc2, 0xdf, 0xe0, 0xe1, 0xec, 0xed, 0xee, 0xef, 0xf0, 0xf1, 0xf3, 0xf4, 0xf5, 0xff,
      ];
      const kinds = [0x00, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0];
      const tails = [
        [],
        ...kinds.flatMap((b) => [[b], ...kinds.flatMap((c) => [[b, c], ...[0x7f, 0x80, 0xbf, 0xc0].map((d) => [b, c, d])])]),
      ];
      const texts = firsts.flatMap((first) => tails.map((tail) => Uint8Array.of(first, ...tail)));
      expect(texts.filter((bytes) => read(bytes) !== decoded(bytes))).toEqual([]);
    });

    it('[SEC-2] text of any script, whole or cut within a character', () => {
      fc.assert(
        fc.property(fc.string({ unit: 'binary', maxLength: 20 }), fc.nat(80), (text, cut) => {
          const bytes = Uint8Array.from(Buffer.from(text));
          expect(read(bytes)).toBe(text);
          expect(read(bytes.subarray(0, cut))).toBe(decoded(bytes.subarray(0, cut)));
        }),
      );
    });
  });

  it.each([
    ['type', []],
    ['type', ['PING']],
    ['type', [2]],
    ['type', [4]],
    ['HELLO', [1, 1]],
    ['device', [1, 1, 0, 'x', null, 0, 0, null, 0]],
    ['cursor', [1, 1, 0, idBytes, null, -1, 0, null, 0]],
    ['cursor', [1, 1, 0, idBytes, null, 1.5, 0, null, 0]],
    ['cursor', [1, 1, 0, idBytes, null, 2 ** 53, 0, null, 0]],
    ['epoch', [1, 1, 0, idBytes, 7, 0, 0, null, 0]],
    ['token', [1, 1, 0, idBytes, null, 0, 0, 7, 0]],
    ['resume', [1, 1, 0, idBytes, null, 0, 0, null, 0, [4]]],
    ['resume.at', [1, 1, 0, idBytes, null, 0, 0, null, 0, [-1, idBytes]]],
    ['resume.after', [1, 1, 0, idBytes, null, 0, 0, null, 0, [4, null]]],
    ['firstCounter', [3, 0, 0, 0, []]],
    ['base', [3, 1, -1, 0, []]],
    ['ops', [3, 1, 0, 0, {}]],
    ['ops', [3, 1, 0, 0, new Array(wireLimits.maxOps + 1).fill(null)]],
    ['ops.0', [3, 1, 0, 0, [[idBytes]]]],
    ['ops.0.memoryId', [3, 1, 0, 0, [[idBytes.slice(1), 0, 0, []]]]],
    [
      'ops.1.hlc',
      [
        3,
        1,
        0,
        5,
        [
          [idBytes, 0, 0, []],
          [idBytes, -6, 0, []],
        ],
      ],
    ],
    ['ops.0.hlc', [3, 1, 0, 0, [[idBytes, 0, 65_536, []]]]],
    ['ops.0.hlc', [3, 1, 0, 2 ** 48, [[idBytes, 0, 0, []]]]],
    ['ops.0.patch', [3, 1, 0, 0, [[idBytes, 0, 0, [0]]]]],
    ['ops.0.patch', [3, 1, 0, 0, [[idBytes, 0, 0, [7, 'x']]]]],
    ['ops.0.patch', [3, 1, 0, 0, [[idBytes, 0, 0, [-1, 'x']]]]],
    ['ops.0.patch', [3, 1, 0, 0, [[idBytes, 0, 0, [0, 'x', 0, 'y']]]]],
    ['ops.0.patch', [3, 1, 0, 0, [[idBytes, 0, 0, ['ui', true, 'ui', false]]]]],
    ['ops.0.patch', [3, 1, 0, 0, [[idBytes, 0, 0, new Array(514).fill(0)]]]],
    ['ops.0.patch.createdAt', [3, 1, 0, 0, [[idBytes, 0, 0, [6, 'now']]]]],
    ['ops.0.patch.createdAt', [3, 1, 0, 0, [[idBytes, 0, 0, [6, 9e15]]]]],
    ['ops.0.base', [3, 1, 0, 0, [[idBytes, 0, 0, [], null]]]],
    ['to', [6]],
    ['token', [7, null]],
  ])('[SEC-2] names the field that is wrong: %s', (path, items) => {
    expect(outcomeOf(() => unpackClientFrame(pack(items)))).toMatchObject({
      name: 'MalformedValue',
      path: items.length === 0 ? 'frame' : path,
    });
  });
});

describe('JSON from outside', () => {
  const hello = { type: 'HELLO', protocol: 1, device: memoryId, cursor: 0, lastCounter: 0, now: 1 };
  const op = { memoryId, hlc: '1-0', patch: [] as unknown[] };
  const push = (changes: object, opChanges?: object) => ({
    type: 'PUSH',
    firstCounter: 1,
    base: 0,
    ops: [{ ...op, ...opChanges }],
    ...changes,
  });

  it.each([
    '',
    '{',
    'null',
    '[]',
    '7',
    '"PING"',
    '{}',
    '{"type":"ping"}',
    '{"type":"DELTA"}',
    '{"type":["PING"]}',
    '{"__proto__":{"type":"PING"}}',
  ])('[SEC-2] %s is no frame', (text) => {
    expect(outcomeOf(() => parseClientFrame(text))).toBeInstanceOf(MalformedValue);
  });

  it.each([
    ['device', { ...hello, device: 'me' }],
    ['epoch', { ...hello, epoch: 7 }],
    ['cursor', { ...hello, cursor: -1 }],
    ['cursor', { ...hello, cursor: 1.5 }],
    ['cursor', { ...hello, cursor: 2 ** 53 }],
    ['cursor', { ...hello, cursor: '0' }],
    ['now', { ...hello, now: null }],
    ['token', { ...hello, token: 7 }],
    ['resume.at', { ...hello, resume: { at: -1, after: memoryId } }],
    ['resume.after', { ...hello, resume: { at: 4 } }],
    ['firstCounter', push({ firstCounter: 0 })],
    ['base', push({ base: null })],
    ['ops', push({ ops: {} })],
    ['ops', push({ ops: new Array(wireLimits.maxOps + 1).fill(op) })],
    ['ops.0.memoryId', push({}, { memoryId: 'x' })],
    ['ops.0.hlc', push({}, { hlc: 1 })],
    ['ops.0.hlc', push({}, { hlc: '1' })],
    ['ops.0.hlc', push({}, { hlc: '1-65536' })],
    ['ops.0.hlc', push({}, { hlc: '999999999999999-0' })],
    ['ops.0.base', push({}, { base: -1 })],
    ['ops.0.patch', push({}, { patch: {} })],
    ['ops.0.patch', push({}, { patch: new Array(257).fill({ op: 'remove', path: '/content' }) })],
    ['ops.0.patch.0.op', push({}, { patch: [{ op: 'test', path: '/content', value: 'x' }] })],
    ['ops.0.patch.0.path', push({}, { patch: [{ op: 'remove', path: '/nothing' }] })],
    ['ops.0.patch.0.path', push({}, { patch: [{ op: 'remove', path: 'x'.repeat(513) }] })],
    [
      'ops.0.patch.1.value',
      push(
        {},
        {
          patch: [
            { op: 'remove', path: '/content' },
            { op: 'add', path: '/createdAt', value: 'x' },
          ],
        },
      ),
    ],
    ['to', { type: 'GOT' }],
    ['token', { type: 'AUTH' }],
    ['type', { type: 'WELCOME' }],
  ])('[SEC-2] names the field that is wrong: %s', (path, frame) => {
    expect(outcomeOf(() => parseClientFrame(JSON.stringify(frame)))).toMatchObject({ name: 'MalformedValue', path });
  });

  it('[SEC-2] any JSON is a frame or refused, nothing else', () => {
    const frameArb = fc.record(
      {
        type: fc.constantFrom('HELLO', 'PUSH', 'GOT', 'AUTH', 'PING', 'PONG'),
        ops: fc.jsonValue(),
        to: fc.jsonValue(),
        token: fc.jsonValue(),
      },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(
        fc.oneof(
          fc.json(),
          frameArb.map((frame) => JSON.stringify(frame)),
          fc.string(),
        ),
        (text) => {
          outcomeOf(() => parseClientFrame(text));
        },
      ),
      { numRuns: 500 },
    );
  });

  it('[SEC-4] the error repeats nothing of the content', () => {
    const secret = 'hunter2';
    const frames = [{ ...hello, token: { secret } }, push({}, { memoryId: secret }), push({}, { hlc: secret })];
    for (const frame of frames) {
      const refused = outcomeOf(() => parseClientFrame(JSON.stringify(frame)));
      expect(refused).toBeInstanceOf(MalformedValue);
      expect(JSON.stringify(refused) + String(refused)).not.toContain(secret);
    }
  });
});
