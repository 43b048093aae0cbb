/** A model that answers in JSON of a given shape, whoever runs it. */
import type { z } from 'zod';
import type { Result } from '../../core/result.ts';

export interface Question<T> {
  /** Names the shape of the answer, for the vendor. */
  readonly name: string;
  /** The shape, as it is asked for. */
  readonly shape: z.ZodType;
  /** Reads an answer; null when it is none. More tolerant than the shape: small models are sloppy. */
  readonly read: (json: unknown) => T | null;
  readonly instructions: string;
  readonly text: string;
  /** Gives up when the caller has gone. */
  readonly signal?: AbortSignal | undefined;
}

export interface Usage {
  readonly calls: number;
  readonly inputTokens: number;
  readonly outputTokens: number;
}

export const noUsage: Usage = { calls: 0, inputTokens: 0, outputTokens: 0 };

export interface Said<T> {
  readonly value: T;
  readonly usage: Usage;
}

/**
 * `cut_off`: the answer came to the vendor's limit of length. `refused`: the model or its filter would not. `rate_limited`,
 * `unavailable`: also after trying again. `unusable`: what came is no answer, or the request was not accepted.
 */
export interface ModelFailure {
  readonly kind: 'cut_off' | 'refused' | 'rate_limited' | 'unavailable' | 'unusable';
  /** For the log: a status or a class of fault, never a text of the vendor or of the user. */
  readonly reason: string;
  /** What the vendor asked to wait. */
  readonly retryAfterSeconds?: number;
}

export interface ChatModel {
  /** As the vendor names it. */
  readonly name: string;
  ask<T>(question: Question<T>): Promise<Result<Said<T>, ModelFailure>>;
}

export function addUsage(a: Usage, b: Usage): Usage {
  return {
    calls: a.calls + b.calls,
    inputTokens: a.inputTokens + b.inputTokens,
    outputTokens: a.outputTokens + b.outputTokens,
  };
}
