import { describe, expect, it } from 'vitest';
import type { Memory } from '../../../src/core/memory.ts';
import { findDuplicate } from '../../../src/server/ingest/similar.ts';

const similar = (content: string, similarity: number | null = null) => ({
  memory: { content, id: content } as unknown as Memory,
  similarity,
});

describe('duplicates', () => {
  it('the same words, whatever their case and spaces', () => {
    expect(findDuplicate('The User  likes TEA', [similar('x', 0.99), similar('the user likes tea')])?.content).toBe(
      'the user likes tea',
    );
  });

  it('as good as the same vector: from 0.97 on', () => {
    expect(findDuplicate('The user likes tea', [similar('The user loves tea', 0.97)])).not.toBeNull();
    expect(findDuplicate('The user likes tea', [similar('The user loves tea', 0.969)])).toBeNull();
    expect(findDuplicate('The user likes tea', [similar('The user loves tea')])).toBeNull();
  });

  it.each([
    ['The rent is due on the 12th of May', 'The rent is due on the 13th of May'],
    ['The user eats meat', 'The user does not eat meat'],
    ['Der Nutzer isst Fleisch', 'Der Nutzer isst kein Fleisch'],
    ["The user can't swim", 'The user can swim'],
  ])('%s is not %s, however near their vectors are', (a, b) => {
    expect(findDuplicate(a, [similar(b, 0.999)])).toBeNull();
  });
});
