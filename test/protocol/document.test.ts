/** docs/PROTOCOL.md against the code: its examples are bytes, its tables are numbers and codes. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { errorTable } from '../../src/core/errors.ts';
import { eventKinds, outcomes, rejectionCodes } from '../../src/core/event.ts';
import type { MemoryId } from '../../src/core/ids.ts';
import { addRow, emptyStateHash, stateHashToString } from '../../src/core/state-hash.ts';
import {
  frameCodes,
  packClientFrame,
  packServerFrame,
  unpackClientFrame,
  unpackServerFrame,
} from '../../src/protocol/binary-codec.ts';
import { helloFlags, type ServerFrame } from '../../src/protocol/frames.ts';
import { clientFrameToJson, parseServerFrame, serverFrameToJson } from '../../src/protocol/json-codec.ts';
import { clientFrameSchema, serverFrameSchema } from '../../src/protocol/json-frames.ts';
import { wireLimits } from '../../src/protocol/limits.ts';
import { parseClientFrame } from '../../src/protocol/parse-client-frame.ts';
import { protocolVersion } from '../../src/protocol/version.ts';
import { sessionLimits } from '../../src/server/edge/ws-connection.ts';
import { closeCodes } from '../../src/sync/server-session.ts';

const page = readFileSync(join(import.meta.dirname, '../../docs/PROTOCOL.md'), 'utf8');

interface Example {
  readonly name: string;
  readonly json: { readonly type: string };
  readonly bytes: Uint8Array;
}

/** `**Name**`, a block of JSON, a block of hex whose lines may end in a comment after two spaces. */
const examples: readonly Example[] = Array.from(
  page.matchAll(/^\*\*(.+)\*\*\n\n```json\n([^`]+)```\n\n```hex\n([^`]+)```/gm),
  ([, name = '', json = '', hex = '']) => ({
    name,
    json: JSON.parse(json),
    bytes: Uint8Array.from(Buffer.from(hex.split('\n').map(bytesOfLine).join(''), 'hex')),
  }),
);

function bytesOfLine(line: string): string {
  return /^ *((?:[0-9a-f]{2})*)(?: {2,}.*)?$/.exec(line)?.[1] ?? `not hex: ${line}`;
}

const isClients = ({ json }: Example): boolean =>
  clientFrameSchema.safeParse(json).success && !('now' in json && json.type === 'PONG');

describe('[SYN-1] the worked examples', () => {
  it('[SYN-1] show every frame but the deflated one', () => {
    expect(new Set(examples.map(({ json }) => json.type))).toEqual(
      new Set(Object.keys(frameCodes).filter((type) => type !== 'DEFLATED')),
    );
  });

  it.each(examples.filter(isClients))('[SYN-1] $name', ({ json, bytes }) => {
    const frame = parseClientFrame(JSON.stringify(json));
    expect(Buffer.from(packClientFrame(frame)).toString('hex')).toBe(Buffer.from(bytes).toString('hex'));
    expect(unpackClientFrame(bytes)).toEqual(frame);
    expect(clientFrameToJson(frame)).toEqual(json);
  });

  it.each(examples.filter((example) => !isClients(example)))('[SYN-1] $name', ({ json, bytes }) => {
    const frame = parseServerFrame(JSON.stringify(json));
    expect(unpackServerFrame(bytes)).toEqual(frame);
    expect(serverFrameToJson(frame)).toEqual(json);
    expect(serverFrameSchema.parse(json)).toEqual(json);
    if (frame.type === 'DELTA') return; // Made of stored bytes: golden.test.ts.
    const packed = packServerFrame(frame as Exclude<ServerFrame, { type: 'DELTA' }>);
    expect(Buffer.from(packed).toString('hex')).toBe(Buffer.from(bytes).toString('hex'));
  });
});

/** The cells of every table row that has this text in its first cell. */
const rowOf = (first: string): readonly string[] => {
  const line = page.split('\n').find((row) => row.startsWith('|') && row.split(/(?<!\\)\|/)[1]?.trim() === first);
  return (line ?? '')
    .split(/(?<!\\)\|/)
    .slice(1, -1)
    .map((cell) => cell.trim());
};

describe('[SYN-1] the tables', () => {
  it('[SYN-1] name every frame with its code', () => {
    for (const [type, code] of Object.entries(frameCodes)) {
      expect([type, rowOf(type === 'DEFLATED' ? 'deflated' : type)[1]]).toEqual([type, `${code}`]);
    }
  });

  it('[SYN-2] name every flag with its bit', () => {
    for (const [flag, bit] of Object.entries(helloFlags)) expect([flag, rowOf(flag)[1]]).toEqual([flag, `${bit}`]);
  });

  it('[SYN-4] name kinds, outcomes and rejections by their codes', () => {
    const cells = (first: string) =>
      rowOf(first)
        .slice(1)
        .filter((cell) => cell !== '');
    expect(cells('kind')).toEqual(eventKinds);
    expect(cells('outcome')).toEqual(outcomes);
    expect(cells('rejection')).toEqual(rejectionCodes);
  });

  it('[SYN-1] name every code that closes a socket', () => {
    for (const code of Object.values(closeCodes)) expect(rowOf(`${code}`), `${code}`).toHaveLength(3);
    expect(page.match(/^\| 4\d{3} /gm)).toHaveLength(Object.keys(closeCodes).length);
  });

  it('[SYN-1] name errors that there are', () => {
    const named = [...(page.split('## Errors')[1] ?? '').matchAll(/^\| (`.*?) +\|/gm)].flatMap(
      ([, cell = '']) => cell.match(/\w+/g) ?? [],
    );
    expect(named.length).toBeGreaterThan(8);
    expect(named.filter((code) => !Object.hasOwn(errorTable, code))).toEqual([]);
  });

  it('[SEC-3] name the limits as they are enforced', () => {
    const number = (value: number): string => value.toLocaleString('en');
    const limits: readonly (readonly [string, readonly number[]])[] = [
      ['bytes of a frame from a device', [wireLimits.maxFrameBytes]],
      ['ops in a PUSH', [wireLimits.maxOps]],
      ['DELTA frames not confirmed by GOT or by the base of a PUSH', [wireLimits.maxInFlight]],
      ['bytes buffered for a socket', [sessionLimits.maxBufferedBytes]],
      ['nesting of a frame', [wireLimits.maxDepth]],
      ['event bytes of a DELTA', [wireLimits.deltaBytes, wireLimits.deltaEvents]],
      ['content bytes of a SNAPSHOT', [wireLimits.snapshotBytes, wireLimits.snapshotMemories]],
      ['ids in a collection', [wireLimits.collectIds]],
      ['HELLO after the upgrade or a RESET', [sessionLimits.helloTimeoutMs / 1_000]],
      ['without a frame from the device', [sessionLimits.pingAfterMs / 1_000, sessionLimits.silenceMs / 1_000]],
      ['malformed frames of a socket', [sessionLimits.maxErrors]],
    ];
    for (const [name, values] of limits) {
      const told = rowOf(name)[1]
        ?.match(/\d[\d,]*/g)
        ?.map((text) => text.replace(/,$/, ''));
      expect([name, told]).toEqual([name, values.map(number)]);
    }
  });

  it('[SYN-6] show state hashes that are right', () => {
    const one = addRow(emptyStateHash, '018f0000-0000-7000-8000-000000000001' as MemoryId, 42);
    const two = addRow(one, '018f0000-0000-7000-8000-000000000002' as MemoryId, 4_294_967_303);
    for (const hash of [emptyStateHash, one, two]) expect(page).toContain(`| \`${stateHashToString(hash)}\` |`);
  });

  it('[SYN-1] tell the version', () => {
    expect(page).toContain(`# The sync protocol, version ${protocolVersion}\n`);
  });
});
