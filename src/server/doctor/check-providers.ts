/** Vectors and extraction, tried for real: one small call each. It costs a few tokens. */
import { z } from 'zod';
import type { Embedder } from '../embed/embedder.ts';
import type { ChatModel } from '../ingest/chat-model.ts';
import { type Check, type Finding, fail, ok, warn } from './finding.ts';
import { messageOf } from './run-checks.ts';

/** A search waits for the vector of its question for that long, and then goes on without, ms. */
const slowMs = 2_000;
const providerFix =
  'see whether OPENAI_BASE_URL ends in the /v1 of the provider, OPENAI_API_KEY is good and has quota, and the model is one of theirs';

export function checkEmbedding(embedder: Embedder): Check {
  const name = 'embedding';
  return {
    name,
    boundMs: 45_000,
    async run() {
      const startedAt = performance.now();
      try {
        const [vector] = await embedder.embed(['The doctor tries whether texts become vectors.'], 'query');
        const ms = Math.round(performance.now() - startedAt);
        return [toFinding(embedder.model, vector ?? new Float32Array(), ms)];
      } catch (error) {
        return [fail(name, `${embedder.model}: ${messageOf(error)}`, `EMBEDDING_MODEL names it; ${providerFix}`)];
      }
    },
  };
}

function toFinding(model: string, vector: Float32Array, ms: number): Finding {
  // Shorter ones are filled up with zeros.
  const numbers = vector.findLastIndex((value) => value !== 0) + 1;
  const shown = `${model} gave a vector of ${numbers} numbers in ${ms} ms`;
  if (numbers === 0) return fail('embedding', `${model} gave a vector of zeros`, 'set EMBEDDING_MODEL to a model of embeddings');
  if (ms > slowMs) return warn('embedding', shown, 'searches wait for it: use a nearer provider, a smaller model, or lexical');
  return ok('embedding', shown);
}

const shape = z.object({ color: z.string() });

export function checkExtraction(model: ChatModel, timeoutMs: number): Check {
  const name = 'extraction';
  return {
    name,
    boundMs: timeoutMs + 5_000,
    async run() {
      const startedAt = performance.now();
      const answer = await model.ask({
        name: 'color',
        shape,
        read: (json) => shape.safeParse(json).data ?? null,
        instructions: 'Answer with the color that the text names, in JSON: {"color": "…"}.',
        text: 'The sky is blue.',
      });
      const ms = Math.round(performance.now() - startedAt);
      if (answer.ok) return [ok(name, `${model.name} answered in the shape that was asked for, in ${ms} ms`)];
      const { kind, reason } = answer.error;
      if (kind === 'unusable' && reason === 'no answer of the shape') {
        const fix = 'set EXTRACTION_MODEL to a model that can structured output (JSON schema)';
        return [fail(name, `${model.name} answered in another shape than it was asked for`, fix)];
      }
      return [fail(name, `${model.name}: ${kind}, ${reason}`, `EXTRACTION_MODEL names it; ${providerFix}`)];
    },
  };
}
