/** Whatever a memory holds, each of our files brings it back: by properties, with the readers and writers alone. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { nilMemoryId } from '../../../src/core/ids.ts';
import { type Memory, memoryLimits } from '../../../src/core/memory.ts';
import { readItems } from '../../../src/server/transfer/read-items.ts';
import { exportFormats, writeMemories } from '../../../src/server/transfer/write-memories.ts';
import { memoryArb, tagArb } from '../../support/arbitraries.ts';

/** What the formats themselves are made of. */
const markup = [
  '"',
  ',',
  ';',
  '\t',
  '\n',
  '\r',
  '\r\n',
  '\\',
  '\\;',
  '- ',
  '# ',
  '  ',
  ' ',
  '-->',
  '<!-- aibrain ',
  '{}',
  '[',
  '﻿',
  '😀',
  'é',
  '=1',
];
const trickyArb = fc.array(fc.constantFrom(...markup, 'a'), { minLength: 1, maxLength: 10 }).map((parts) => parts.join(''));

const exportedArb: fc.Arbitrary<Memory> = fc
  .record({
    memory: memoryArb.filter(({ id }) => id !== nilMemoryId),
    content: fc.option(trickyArb, { nil: undefined }),
    tags: fc.uniqueArray(
      fc.oneof(
        tagArb,
        trickyArb.filter((tag) => tag.length <= memoryLimits.tagChars),
      ),
      { maxLength: 4 },
    ),
    title: fc.option(trickyArb, { nil: undefined }),
  })
  .map(({ memory, content = memory.content, tags, title }) => ({
    ...memory,
    content,
    tags: tags.sort(),
    // A source that says nothing is none.
    source: toSource({ ...memory.source, ...(title !== undefined && { title }) }),
    deleted: false,
    erased: false,
  }));

const toSource = (source: NonNullable<Memory['source']>): Memory['source'] => (Object.keys(source).length === 0 ? null : source);

async function* once<T>(value: T): AsyncGenerator<T> {
  yield value;
}

async function* inPieces(text: string, size: number): AsyncGenerator<Uint8Array> {
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

for (const format of exportFormats) {
  it(`[house] an export gives back every field of every memory: ${format}`, async () => {
    const memoriesArb = fc.uniqueArray(exportedArb, { selector: ({ id }) => id, minLength: 1, maxLength: 4 });
    await fc.assert(
      fc.asyncProperty(memoriesArb, fc.integer({ min: 1, max: 4_096 }), async (memories, size) => {
        let file = '';
        for await (const piece of writeMemories(once(memories), format)) file += piece;
        const items: unknown[] = [];
        // Without a hint: a file of ours also shows what it is.
        for await (const read of readItems(inPieces(file, size), null))
          items.push(...read.map((item) => ('memory' in item ? item.memory : item)));
        expect(items).toEqual(
          memories.map(({ id, createdAt, updatedAt, content, type, scope, confidence, source, tags }) => ({
            id,
            fields: { content, type, scope, confidence, source, tags },
            createdAt,
            updatedAt,
            embedding: null,
          })),
        );
      }),
      { numRuns: 500 },
    );
  });
}

for (const format of exportFormats) {
  it(`[house] an export of nothing is a file of nothing: ${format}`, async () => {
    let file = '';
    for await (const piece of writeMemories(once([]), format)) file += piece;
    for await (const items of readItems(inPieces(file, 7), format === 'ndjson' ? format : null)) expect(items).toEqual([]);
  });
}
