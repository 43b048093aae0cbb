/**
 * The wire, byte by byte (SYN-1): each frame in its JSON form and, in hexadecimal, in its binary form. A change of what
 * stands here is a change of the protocol: decide about src/protocol/version.ts first. Adding frames is free.
 *
 * Reading aid: the first byte is an array header (0x90 | items), the second the frame's code.
 */
import type { z } from 'zod';
import type { JsonClientFrame, serverFrameSchema } from '../../src/protocol/json-frames.ts';

type ServerJson = z.input<typeof serverFrameSchema>;

export interface GoldenFrame<Json> {
  readonly name: string;
  readonly json: Json;
  readonly hex: string;
}

export const goldenClientFrames: readonly GoldenFrame<JsonClientFrame>[] = [
  {
    name: 'HELLO of a new device, its token came with the upgrade request',
    json: {
      type: 'HELLO',
      protocol: 1,
      flags: 0,
      device: '0190b5a8-7d3f-7c1e-8e5a-1b2c3d4e5f60',
      epoch: null,
      cursor: 0,
      lastCounter: 0,
      now: 1764000000000,
    },
    hex: '99010100c4100190b5a87d3f7c1e8e5a1b2c3d4e5f60c00000c0cb4279ab697e800000',
  },
  {
    name: 'HELLO of a known device that takes deflated frames',
    json: {
      type: 'HELLO',
      protocol: 1,
      flags: 1,
      device: '0190b5a8-7d3f-7c1e-8e5a-1b2c3d4e5f60',
      epoch: '6f1c2d3e-4b5a-4978-8899-aabbccddeeff',
      cursor: 41,
      lastCounter: 7,
      token: 'e.y.J',
      now: 1764000000000,
    },
    hex:
      '99010101c4100190b5a87d3f7c1e8e5a1b2c3d4e5f60c4106f1c2d3e4b5a49788899aabbccddeeff2907a5652e792e4acb42' + '79ab697e800000',
  },
  {
    name: 'HELLO that goes on with a snapshot after the state hash differed',
    json: {
      type: 'HELLO',
      protocol: 1,
      flags: 7,
      device: '0190b5a8-7d3f-7c1e-8e5a-1b2c3d4e5f60',
      epoch: '6f1c2d3e-4b5a-4978-8899-aabbccddeeff',
      cursor: 0,
      lastCounter: 7,
      token: 'e.y.J',
      now: 1764000000000,
      resume: { at: 41, after: '0190b5a9-0000-7000-8000-0000000000b2' },
    },
    hex:
      '9a010107c4100190b5a87d3f7c1e8e5a1b2c3d4e5f60c4106f1c2d3e4b5a49788899aabbccddeeff0007a5652e792e4acb42' +
      '79ab697e8000009229c4100190b5a90000700080000000000000b2',
  },
  {
    name: 'PUSH of a new memory and an older edit of another',
    json: {
      type: 'PUSH',
      firstCounter: 8,
      base: 41,
      ops: [
        {
          memoryId: '0190b5a9-0000-7000-8000-0000000000a1',
          hlc: '1764000000000-0',
          patch: [
            { op: 'add', path: '/content', value: 'prefers tea 🍵' },
            { op: 'add', path: '/type', value: 'preference' },
            { op: 'add', path: '/scope', value: 'user_global' },
            { op: 'add', path: '/confidence', value: 0.9 },
            { op: 'add', path: '/source', value: { url: 'https://example.org/c/1', platform: 'example' } },
            { op: 'add', path: '/tags/drinks', value: true },
            { op: 'add', path: '/createdAt', value: '2025-11-24T15:59:00.000Z' },
          ],
        },
        {
          memoryId: '0190b5a9-0000-7000-8000-0000000000b2',
          hlc: '1763999999990-3',
          base: 40,
          patch: [
            { op: 'remove', path: '/source' },
            { op: 'remove', path: '/tags/a~1b' },
            { op: 'add', path: '/deleted', value: true },
          ],
        },
      ],
    },
    hex:
      '95030829cb4279ab697e8000009294c4100190b5a90000700080000000000000a100009e00b0707265666572732074656120' +
      'f09f8db50100020003cb3feccccccccccccd0482a375726cb768747470733a2f2f6578616d706c652e6f72672f632f31a870' +
      '6c6174666f726da76578616d706c65a66472696e6b73c306cb4279ab696fda000095c4100190b5a900007000800000000000' +
      '00b2f6039604c0a3612f62c205c328',
  },
  {
    name: 'PUSH of nothing, which confirms base',
    json: { type: 'PUSH', firstCounter: 10, base: 43, ops: [] },
    hex: '95030a2b0090',
  },
  {
    name: 'GOT',
    json: { type: 'GOT', to: 300 },
    hex: '9206cd012c',
  },
  {
    name: 'AUTH',
    json: { type: 'AUTH', token: 'e.y.J' },
    hex: '9207a5652e792e4a',
  },
  {
    name: 'PING of a client',
    json: { type: 'PING' },
    hex: '910a',
  },
  {
    name: 'PONG of a client',
    json: { type: 'PONG' },
    hex: '920bc0',
  },
];

export const goldenServerFrames: readonly GoldenFrame<Exclude<ServerJson, { type: 'DELTA' }>>[] = [
  {
    name: 'WELCOME',
    json: {
      type: 'WELCOME',
      protocol: 1,
      epoch: '6f1c2d3e-4b5a-4978-8899-aabbccddeeff',
      head: 41,
      floor: 0,
      lastCounter: 7,
      now: 1764000000000,
      tokenExpiresAt: '2025-11-24T17:00:00.000Z',
      limits: { maxFrameBytes: 1048576, maxOps: 1000, maxInFlight: 64 },
    },
    hex: '990201c4106f1c2d3e4b5a49788899aabbccddeeff290007cb4279ab697e800000cb4279ab6ced68000093ce00100000cd03' + 'e840',
  },
  {
    name: 'SNAPSHOT, one page of two',
    json: {
      type: 'SNAPSHOT',
      at: 41,
      next: '0190b5a9-0000-7000-8000-0000000000b2',
      memories: [
        {
          id: '0190b5a9-0000-7000-8000-0000000000a1',
          seq: 17,
          fields: {
            content: 'prefers tea 🍵',
            type: 'preference',
            scope: 'user_global',
            confidence: 0.9,
            source: { url: 'https://example.org/c/1' },
            tags: ['drinks'],
            deleted: false,
            createdAt: '2025-11-24T15:59:00.000Z',
            updatedAt: '2025-11-24T16:00:00.000Z',
          },
        },
        {
          id: '0190b5a9-0000-7000-8000-0000000000b2',
          seq: 40,
          fields: {
            content: '',
            type: 'fact',
            scope: 'user_global',
            confidence: null,
            source: null,
            tags: [],
            deleted: true,
            erased: true,
            createdAt: '2025-11-24T15:59:00.000Z',
            updatedAt: '2025-11-24T16:00:00.000Z',
          },
        },
      ],
    },
    hex:
      '940529c4100190b5a90000700080000000000000b29296c4100190b5a90000700080000000000000a111cb4279ab696fda00' +
      '00cb4279ab697e800000009c00b0707265666572732074656120f09f8db50100020003cb3feccccccccccccd0481a375726c' +
      'b768747470733a2f2f6578616d706c652e6f72672f632f31a66472696e6b73c396c4100190b5a90000700080000000000000' +
      'b228cb4279ab696fda0000cb4279ab697e800000029600a001010200',
  },
  {
    name: 'SNAPSHOT, last page, empty',
    json: { type: 'SNAPSHOT', at: 41, next: null, memories: [] },
    hex: '940529c090',
  },
  {
    name: 'RESET',
    json: {
      type: 'RESET',
      code: 'cursor_expired',
      epoch: '6f1c2d3e-4b5a-4978-8899-aabbccddeeff',
      floor: 30,
      head: 41,
      shared: null,
    },
    hex: '960800c4106f1c2d3e4b5a49788899aabbccddeeff1e29c0',
  },
  {
    name: 'RESET after a backup was restored',
    json: {
      type: 'RESET',
      code: 'epoch_mismatch',
      epoch: '6f1c2d3e-4b5a-4978-8899-aabbccddeeff',
      floor: 0,
      head: 41,
      shared: 40,
    },
    hex: '960802c4106f1c2d3e4b5a49788899aabbccddeeff002928',
  },
  {
    name: 'ERROR',
    json: { type: 'ERROR', code: 'malformed_frame', detail: 'ops.0.hlc must be below 2^48 ms and 2^16' },
    hex:
      '9409af6d616c666f726d65645f6672616d65d9286f70732e302e686c63206d7573742062652062656c6f7720325e3438206d' +
      '7320616e6420325e3136c0',
  },
  {
    name: 'ERROR of a counter gap',
    json: { type: 'ERROR', code: 'counter_gap', detail: 'expected 7', expected: 7 },
    hex: '9409ab636f756e7465725f676170aa6578706563746564203707',
  },
  {
    name: 'PING of the server',
    json: { type: 'PING' },
    hex: '910a',
  },
  {
    name: 'PONG of the server',
    json: { type: 'PONG', now: 1764000000000 },
    hex: '920bcb4279ab697e800000',
  },
];

/** The devices of the DELTA and their ordinals, in the order of its table. */
export const goldenDevices = [
  [0, '00000000-0000-0000-0000-000000000000'],
  [2, '0190b5a8-7d3f-7c1e-8e5a-1b2c3d4e5f60'],
] as const;

/** An event that was applied, one that lost in part, one rejected, one whose payload was erased, a collection. */
export const goldenDelta: GoldenFrame<Extract<ServerJson, { type: 'DELTA' }>> = {
  name: 'DELTA',
  json: {
    type: 'DELTA',
    from: 41,
    to: 46,
    head: 46,
    acked: 9,
    hash: 'db70789746925883',
    events: [
      {
        seq: 42,
        device: '0190b5a8-7d3f-7c1e-8e5a-1b2c3d4e5f60',
        counter: 8,
        hlc: '1764000000000-0',
        at: '2025-11-24T16:00:00.100Z',
        memoryId: '0190b5a9-0000-7000-8000-0000000000a1',
        kind: 'create',
        outcome: 'applied',
        patch: [
          { op: 'add', path: '/content', value: 'prefers tea 🍵' },
          { op: 'add', path: '/type', value: 'preference' },
          { op: 'add', path: '/scope', value: 'user_global' },
        ],
      },
      {
        seq: 43,
        device: '0190b5a8-7d3f-7c1e-8e5a-1b2c3d4e5f60',
        counter: 9,
        hlc: '1763999999990-3',
        at: '2025-11-24T16:00:00.101Z',
        memoryId: '0190b5a9-0000-7000-8000-0000000000b2',
        kind: 'update',
        outcome: 'superseded',
        lost: ['content', 'tags/a/b'],
        conflicts: [{ id: '7a4e36ea-b450-8da8-bcc7-5ad689b91152', register: 'content', winnerSeq: 40, loserSeq: 43 }],
        patch: [
          { op: 'add', path: '/content', value: 'x' },
          { op: 'remove', path: '/tags/a~1b' },
        ],
      },
      {
        seq: 44,
        device: '00000000-0000-0000-0000-000000000000',
        counter: 3,
        hlc: '1764000000200-0',
        at: '2025-11-24T16:00:00.200Z',
        memoryId: '0190b5a9-0000-7000-8000-0000000000a1',
        kind: 'reject',
        outcome: 'rejected',
        code: 'invalid_value',
      },
      {
        seq: 45,
        device: '00000000-0000-0000-0000-000000000000',
        counter: 4,
        hlc: '1764000000300-1',
        at: '2025-11-24T16:00:00.300Z',
        memoryId: '0190b5a9-0000-7000-8000-0000000000b2',
        kind: 'erase',
        outcome: 'applied',
      },
      {
        seq: 46,
        device: '00000000-0000-0000-0000-000000000000',
        counter: 5,
        hlc: '1764000000400-0',
        at: '2025-11-24T16:00:00.400Z',
        memoryId: '00000000-0000-0000-0000-000000000000',
        kind: 'collect',
        outcome: 'applied',
        floor: 39,
        collected: ['0190b5a9-0000-7000-8000-0000000000c3', '0190b5a9-0000-7000-8000-0000000000d4'],
      },
    ],
  },
  hex:
    '9704292e09c408db70789746925883929200c410000000000000000000000000000000009202c4100190b5a87d3f7c1e8e5a' +
    '1b2c3d4e5f609598000208cb4279ab697e864000d09c00c4100190b5a90000700080000000000000a19600b0707265666572' +
    '732074656120f09f8db50100020099110209cb4279ab697e865000d09103c4100190b5a90000700080000000000000b29392' +
    '00a3612f629194c4107a4e36eab4508da8bcc75ad689b9115200282bc09400a178a3612f62c299250003cb4279ab697e8c80' +
    '000000c4100190b5a90000700080000000000000a193909002c098040004cb4279ab697e92c0000001c4100190b5a9000070' +
    '0080000000000000b2c098060005cb4279ab697e9900000000c41000000000000000000000000000000000922792c4100190' +
    'b5a90000700080000000000000c3c4100190b5a90000700080000000000000d4',
};

/** `[12, stream]`: the stream is the raw DEFLATE of a whole frame, here three bytes that stand for one. */
export const goldenDeflated = { stream: 'abcdef', hex: '920cc403abcdef' } as const;
