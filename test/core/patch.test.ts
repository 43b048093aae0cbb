import fc from 'fast-check';
import type { Operation } from 'fast-json-patch';
import { describe, expect, it } from 'vitest';
import {
  type Change,
  changeToPatch,
  invertWrites,
  type PatchOperation,
  patchToChange,
  pathToRegister,
  registerToPath,
} from '../../src/core/change.ts';
import type { MemoryFields } from '../../src/core/memory.ts';
import { applyToDocument, diffDocuments, type MemoryDocument, toDocument } from '../../src/core/patch.ts';
import {
  emptyValue,
  type RegisterName,
  type RegisterValue,
  tagOf,
  tagRegister,
  valuesEqual,
  type Write,
} from '../../src/core/register.ts';
import { changeArb, memoryArb, tagArb, writesArb } from '../support/arbitraries.ts';

const fields: MemoryFields = {
  content: 'prefers tea',
  type: 'preference',
  scope: 'user_global',
  confidence: 0.9,
  source: { url: 'https://example.org/chat', title: 'Chat' },
  tags: ['drinks', 'a/b'],
};
const document = toDocument(fields);

const apply = (...patch: readonly unknown[]) => applyToDocument(document, patch as Operation[]);
const writesOf = (result: ReturnType<typeof apply>) => (result.ok ? result.value.writes : result.error);

/** The registers of a memory and their values; absent and empty are the same. */
function registersOf(memory: MemoryDocument): Map<RegisterName, RegisterValue> {
  const { tags, ...rest } = memory;
  const values = Object.entries(rest) as [RegisterName, RegisterValue][];
  return new Map([...values, ...Object.keys(tags).map((tag) => [tagRegister(tag), true] as const)]);
}

function written(memory: MemoryDocument, writes: readonly Write[]): MemoryDocument {
  const values = registersOf(memory);
  for (const { register, value } of writes) values.set(register, value);
  const field = (name: RegisterName) => values.get(name) ?? emptyValue(name);
  const tags = [...values].flatMap(([register, value]) =>
    tagOf(register) !== null && value === true ? [tagOf(register) as string] : [],
  );
  return {
    ...toDocument({ ...fields, tags }),
    ...Object.fromEntries(
      ['content', 'type', 'scope', 'confidence', 'source'].map((name) => [name, field(name as RegisterName)]),
    ),
  };
}

describe('patches and changes', () => {
  it('[SYN-1] a change survives its form as a patch', () => {
    fc.assert(
      fc.property(changeArb, (change) => {
        expect(patchToChange(changeToPatch(change))).toEqual({ ok: true, value: change });
      }),
    );
  });

  it('[SYN-1] a tag survives its form as a JSON Pointer', () => {
    fc.assert(
      fc.property(tagArb, (tag) => {
        expect(pathToRegister(registerToPath(tagRegister(tag)))).toBe(tagRegister(tag));
      }),
    );
  });

  it.each([
    ['/tags/a~1b', 'tags/a/b'],
    ['/tags/a~0b', 'tags/a~b'],
    ['/tags/~01', 'tags/~1'],
    ['/tags/content', 'tags/content'],
    ['/content', 'content'],
    ['/deleted', 'deleted'],
  ])('[SYN-1] %s is the register %s', (path, register) => {
    expect(pathToRegister(path)).toBe(register);
    expect(registerToPath(register as RegisterName)).toBe(path);
  });

  it.each([
    '',
    '/',
    'content',
    '/Content',
    '/content/0',
    '/id',
    '/seq',
    '/tags',
    '/tags/a/b',
    '/tags/a~2',
    '/tags/a~',
    '/source/url',
    '/__proto__',
    '/constructor',
  ])('[SEC-2] %j is no register: the patch is refused and the place named', (path) => {
    expect(pathToRegister(path)).toBeNull();
    const patch: PatchOperation[] = [
      { op: 'add', path: '/content', value: 'x' },
      { op: 'remove', path },
    ];
    expect(patchToChange(patch)).toMatchObject({ ok: false, error: { path: '1/path' } });
  });

  it('[SYN-1] replace is add; remove means null, or false for a tag and for `deleted`', () => {
    const patch: PatchOperation[] = [
      { op: 'replace', path: '/content', value: 'x' },
      { op: 'remove', path: '/source' },
      { op: 'remove', path: '/tags/ui' },
      { op: 'remove', path: '/deleted' },
    ];
    expect(patchToChange(patch)).toEqual({
      ok: true,
      value: {
        writes: [
          { register: 'content', value: 'x' },
          { register: 'source', value: null },
          { register: 'tags/ui', value: false },
          { register: 'deleted', value: false },
        ],
      },
    });
  });

  it('[MRG-3] a register named twice is written once, with the last value', () => {
    const patch: PatchOperation[] = [
      { op: 'add', path: '/tags/a~1b', value: true },
      { op: 'remove', path: '/tags/a~1b' },
    ];
    expect(patchToChange(patch)).toEqual({ ok: true, value: { writes: [{ register: 'tags/a/b', value: false }] } });
  });

  it.each([undefined, null, 7, '', 'yesterday', 'Mon, 05 Jan 2026', '2026-01-05T10:00:00', '2026-13-05', '5'])(
    '[SEC-2] a createdAt of %j is no time, or one that depends on where the server stands',
    (value) => {
      expect(patchToChange([{ op: 'add', path: '/createdAt', value }])).toMatchObject({ ok: false, error: { path: '0/value' } });
    },
  );

  it('[SYN-1] createdAt is a time with its offset, also one before 1970 or far ahead', () => {
    const timeOf = (value: string) => patchToChange([{ op: 'add', path: '/createdAt', value }]);
    expect(timeOf('2026-01-05T10:00:00+02:00')).toEqual({ ok: true, value: { writes: [], createdAt: Date.UTC(2026, 0, 5, 8) } });
    for (const createdAt of [-1, -8.64e15, 8.64e15, 0])
      expect(patchToChange(changeToPatch({ writes: [], createdAt }))).toEqual({ ok: true, value: { writes: [], createdAt } });
  });
});

describe('RFC 6902 on a memory', () => {
  it('[SEC-2] add, replace and remove come out as writes', () => {
    const result = apply(
      { op: 'replace', path: '/content', value: 'prefers coffee' },
      { op: 'remove', path: '/tags/drinks' },
      { op: 'add', path: '/tags/x~1y', value: true },
      { op: 'remove', path: '/confidence' },
    );
    expect(writesOf(result)).toEqual([
      { register: 'content', value: 'prefers coffee' },
      { register: 'confidence', value: null },
      { register: 'tags/drinks', value: false },
      { register: 'tags/x/y', value: true },
    ]);
  });

  it('[SEC-2] test, move and copy work, also within the source', () => {
    const result = apply(
      { op: 'test', path: '/tags/a~1b', value: true },
      { op: 'move', from: '/tags/drinks', path: '/tags/beverages' },
      { op: 'copy', from: '/source/title', path: '/content' },
      { op: 'replace', path: '/source/url', value: 'https://example.org/other' },
    );
    expect(writesOf(result)).toEqual([
      { register: 'content', value: 'Chat' },
      { register: 'source', value: { url: 'https://example.org/other', title: 'Chat' } },
      { register: 'tags/drinks', value: false },
      { register: 'tags/beverages', value: true },
    ]);
  });

  it('[SEC-2] a test that fails refuses the whole patch and names the operation', () => {
    const result = apply({ op: 'replace', path: '/content', value: 'x' }, { op: 'test', path: '/type', value: 'task' });
    expect(result).toMatchObject({ ok: false, error: { path: '1', message: 'test operation failed' } });
  });

  it.each([
    [{ op: 'remove', path: '/tags/none' }],
    [{ op: 'add', path: '/unknown', value: 1 }],
    [{ op: 'add', path: '/tags/a/b/c', value: 1 }],
    [{ op: 'add', path: 'content', value: 'x' }],
    [{ op: 'add', path: '/content' }],
    [{ op: 'increment', path: '/confidence', value: 1 }],
    [{ op: 'replace', path: '', value: null }],
    [{ op: 'replace', path: '', value: 'text' }],
    [{ op: 'replace', path: '', value: [] }],
    [{ op: 'replace', path: '/tags', value: 'ui' }],
    [{ op: 'replace', path: '/tags', value: false }],
    [{ op: 'replace', path: '/tags', value: 5 }],
    [null],
    ['add'],
  ])('[SEC-2] %j is refused', (operation) => {
    expect(apply(operation).ok || writesOf(apply(operation))).not.toBe(true);
  });

  it('[SEC-2] replacing all tags takes a list or members', () => {
    const expected = [
      { register: 'tags/drinks', value: false },
      { register: 'tags/a/b', value: false },
      { register: 'tags/ui', value: true },
    ];
    expect(writesOf(apply({ op: 'replace', path: '/tags', value: ['ui'] }))).toEqual(expected);
    expect(writesOf(apply({ op: 'replace', path: '/tags', value: { ui: true } }))).toEqual(expected);
    expect(writesOf(apply({ op: 'remove', path: '/tags' }))).toEqual(expected.slice(0, 2));
  });

  it.each([
    '/__proto__/polluted',
    '/tags/__proto__/polluted',
    '/tags/__proto__',
    '/source/__proto__/polluted',
    '/constructor/prototype/polluted',
    '/tags/constructor/prototype/polluted',
    '/tags/constructor/polluted',
    '/tags/toString/polluted',
  ])('[SEC-2] %s pollutes no prototype', (path) => {
    expect(apply({ op: 'add', path, value: true }).ok).toBe(false);
    expect(apply({ op: 'copy', from: '/content', path }).ok).toBe(false);
    expect({}).not.toHaveProperty('polluted');
    expect(Object).not.toHaveProperty('polluted');
    expect(Object.prototype.toString).not.toHaveProperty('polluted');
  });

  it('[SEC-2] a value that carries __proto__ pollutes nothing', () => {
    apply({ op: 'replace', path: '/source', value: JSON.parse('{"__proto__": {"polluted": true}}') });
    expect({}).not.toHaveProperty('polluted');
  });

  it('[SEC-2] a tag may be called constructor', () => {
    expect(writesOf(apply({ op: 'add', path: '/tags/constructor', value: true }))).toEqual([
      { register: 'tags/constructor', value: true },
    ]);
  });

  it('[MRG-7] leaves the document as it was', () => {
    const before = structuredClone(document);
    apply({ op: 'remove', path: '/tags/drinks' }, { op: 'replace', path: '/source/url', value: 'x' });
    expect(document).toEqual(before);
  });
});

describe('differences', () => {
  const documentArb = memoryArb.map(toDocument);

  it('[MRG-3] the difference of two memories leads from one to the other, and of equal ones is nothing', () => {
    fc.assert(
      fc.property(documentArb, documentArb, (a, b) => {
        const diff = diffDocuments(a, b as unknown as Record<string, unknown>);
        if (!diff.ok) throw new Error(diff.error.message);
        expect(written(a, diff.value.writes)).toEqual(b);
        for (const { register, value } of diff.value.writes) {
          expect(valuesEqual(registersOf(a).get(register) ?? emptyValue(register), value)).toBe(false);
        }
        expect(diffDocuments(a, structuredClone(a) as unknown as Record<string, unknown>)).toEqual({
          ok: true,
          value: { writes: [] },
        });
      }),
    );
  });

  it('[MRG-3] a patch and then its inverse give the first state', () => {
    fc.assert(
      fc.property(documentArb, writesArb, (before, writes) => {
        const valueBefore = (register: RegisterName) => registersOf(before).get(register) ?? emptyValue(register);
        const after = written(before, writes);
        const inverse: Change = { writes: invertWrites(writes, valueBefore) };
        expect(written(after, inverse.writes)).toEqual(before);
      }),
    );
  });
});
