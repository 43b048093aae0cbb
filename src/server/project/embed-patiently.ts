/** Vectors of many contents, each content once; one that the provider cannot take holds back no other. */
import type { Embedder } from '../embed/embedder.ts';
import { EmbeddingFailed } from '../embed/embedding-failed.ts';
import type { ChangedContent } from './changed-contents.ts';
import { type ContentVector, contentHash } from './vector-rows.ts';

const harmlessText = 'hello';

export interface EmbedDeps {
  readonly embedder: Embedder;
  readonly signal?: AbortSignal;
}

export interface Embedded {
  readonly vectors: readonly ContentVector[];
  /** Contents that the provider takes not even alone: they are found by their words only. */
  readonly refused: number;
}

/** @throws EmbeddingFailed when it is not about single texts. */
export async function embedPatiently(deps: EmbedDeps, contents: readonly ChangedContent[]): Promise<Embedded> {
  const texts = [...new Set(contents.map(({ content }) => content))];
  const vectorByText = new Map<string, Float32Array>();
  const { batchSize } = deps.embedder;
  let isRefused = false;
  for (let at = 0; at < texts.length; at += batchSize) {
    isRefused = (await embedOrHalve(deps, texts.slice(at, at + batchSize), vectorByText)) || isRefused;
  }
  // Not one text passed: whether it is the texts, one that anybody can take tells. It throws when it is not.
  if (isRefused && vectorByText.size === 0) await deps.embedder.embed([harmlessText], 'document', deps.signal);
  const vectors = contents.flatMap(({ memoryId, content }): ContentVector[] => {
    const vector = vectorByText.get(content);
    return vector === undefined ? [] : [{ memoryId, contentHash: contentHash(content), vector }];
  });
  return { vectors, refused: texts.length - vectorByText.size };
}

/** @returns whether a text was refused alone. */
async function embedOrHalve(
  deps: EmbedDeps,
  texts: readonly string[],
  vectorByText: Map<string, Float32Array>,
): Promise<boolean> {
  try {
    const vectors = await deps.embedder.embed(texts, 'document', deps.signal);
    for (const [index, text] of texts.entries()) {
      const vector = vectors[index];
      if (vector !== undefined) vectorByText.set(text, vector);
    }
    return false;
  } catch (error) {
    if (!(error instanceof EmbeddingFailed) || !error.isAboutTexts) throw error;
    if (texts.length === 1) return true;
    const half = Math.ceil(texts.length / 2);
    const first = await embedOrHalve(deps, texts.slice(0, half), vectorByText);
    return (await embedOrHalve(deps, texts.slice(half), vectorByText)) || first;
  }
}
