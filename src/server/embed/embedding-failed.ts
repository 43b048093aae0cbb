export interface EmbeddingFailure {
  /** The same call can succeed later. */
  readonly isRetryable: boolean;
  /** What the provider asked for, ms. */
  readonly retryAfterMs?: number | undefined;
  /** It may be one text that the provider cannot take: alone, the others may pass. */
  readonly isAboutTexts?: boolean;
}

/** There are no vectors: the provider refused, could not be reached, or answered what no vector can be. The message carries no text and no key. */
export class EmbeddingFailed extends Error {
  override readonly name = 'EmbeddingFailed';
  readonly isRetryable: boolean;
  readonly retryAfterMs: number | undefined;
  readonly isAboutTexts: boolean;

  constructor(message: string, failure: EmbeddingFailure) {
    super(message);
    this.isRetryable = failure.isRetryable;
    this.retryAfterMs = failure.retryAfterMs;
    this.isAboutTexts = failure.isAboutTexts ?? false;
  }
}
