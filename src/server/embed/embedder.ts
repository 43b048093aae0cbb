/** Texts become vectors, here or at a vendor: one interface for all who make them. */

export interface Embedder {
  /** Names the vector space, as kept in memory_vectors.model: 'lexical-1', 'text-embedding-3-small' … */
  readonly model: string;
  /** Texts in one call at most. */
  readonly batchSize: number;
  /**
   * Each vector has 1536 numbers, zero-padded where the model gives fewer, of length 1 (or all zeros where a text says nothing).
   * @throws EmbeddingFailed when there is no vector to be had now.
   */
  embed(texts: readonly string[], use: 'document' | 'query', signal?: AbortSignal): Promise<readonly Float32Array[]>;
  /** Where the model goes by words: a question's vector when it is known how much each of them says. */
  readonly embedWeighted?: (question: string, weightOf: (term: string) => number) => Float32Array;
}
