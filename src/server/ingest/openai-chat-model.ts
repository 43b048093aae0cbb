/**
 * A model behind OpenAI's HTTP: OpenAI itself, Ollama, llama.cpp, vLLM, LM Studio. The package's own tries are switched off: they
 * wait as long as any Retry-After says, and nothing ends that wait.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { OpenAI } from 'openai';
import { APIConnectionError, APIError } from 'openai';
import { zodResponseFormat } from 'openai/helpers/zod';
import { err, ok, type Result } from '../../core/result.ts';
import { retryAfterMs } from '../../core/retry-after.ts';
import type { ChatModel, ModelFailure, Question, Said } from './chat-model.ts';

export interface OpenAiChatOptions {
  readonly model: string;
  /** For one question, all its tries and waits together. */
  readonly timeoutMs: number;
  /** Before the second try; twice as long before the third. Default: 500. */
  readonly backoffMs?: number;
}

/** Of a question whose answer was no answer or whose server was busy. */
const maxTries = 3;

/** A vendor who asks for longer is reported to the caller, who waits better than an open request does. */
const maxWaitMs = 5_000;

export function createOpenAiChatModel(client: OpenAI, options: OpenAiChatOptions): ChatModel {
  const { model, timeoutMs, backoffMs = 500 } = options;
  return {
    name: model,
    async ask(question) {
      const deadline = AbortSignal.timeout(timeoutMs);
      const signal = question.signal === undefined ? deadline : AbortSignal.any([deadline, question.signal]);
      let calls = 0;
      for (;;) {
        calls++;
        const answer = await askOnce(client, model, question, signal);
        if (answer.ok) return ok({ ...answer.value, usage: { ...answer.value.usage, calls } });
        const waitMs = waitBefore(answer.error, calls, backoffMs);
        if (waitMs === null || !(await waits(waitMs, signal))) return answer;
      }
    },
  };
}

/** How long until the next try; null when there is none. */
function waitBefore({ kind, reason, retryAfterSeconds }: ModelFailure, calls: number, backoffMs: number): number | null {
  if (calls >= maxTries || kind === 'refused' || kind === 'cut_off' || isFinal.has(reason)) return null;
  if (retryAfterSeconds !== undefined) return retryAfterSeconds * 1_000 <= maxWaitMs ? retryAfterSeconds * 1_000 : null;
  return backoffMs * 2 ** (calls - 1);
}

/** Another try meets the same. */
const isFinal: ReadonlySet<string> = new Set(['time-out', 'status 400', 'status 401', 'status 403', 'status 404', 'status 422']);

/** False when the time was over first. */
async function waits(ms: number, signal: AbortSignal): Promise<boolean> {
  try {
    await sleep(ms, undefined, { signal });
    return true;
  } catch {
    return false;
  }
}

async function askOnce<T>(
  client: OpenAI,
  model: string,
  question: Question<T>,
  signal: AbortSignal,
): Promise<Result<Said<T>, ModelFailure>> {
  try {
    const completion = await client.chat.completions.create(
      {
        model,
        messages: [
          { role: 'system', content: question.instructions },
          { role: 'user', content: question.text },
        ],
        response_format: zodResponseFormat(question.shape, question.name),
      },
      { signal, maxRetries: 0 },
    );
    return readCompletion(completion, question);
  } catch (error) {
    return err(toFailure(error, signal));
  }
}

/** What a compatible server sends need not be what the package's types promise. */
interface LooseCompletion {
  readonly choices?: readonly {
    readonly message?: { readonly content?: string | null; readonly refusal?: string | null };
    readonly finish_reason?: string | null;
  }[];
  readonly usage?: { readonly prompt_tokens?: number; readonly completion_tokens?: number } | null | undefined;
}

function readCompletion<T>(completion: LooseCompletion | undefined, question: Question<T>): Result<Said<T>, ModelFailure> {
  const choice = completion?.choices?.[0];
  if (choice?.message?.refusal) return err({ kind: 'refused', reason: 'refusal' });
  if (choice?.finish_reason === 'content_filter') return err({ kind: 'refused', reason: 'content filter' });
  if (choice?.finish_reason === 'length') return err({ kind: 'cut_off', reason: 'length' });
  const value = question.read(parseJson(choice?.message?.content));
  if (value === null) return err({ kind: 'unusable', reason: 'no answer of the shape' });
  const { prompt_tokens: inputTokens = 0, completion_tokens: outputTokens = 0 } = completion?.usage ?? {};
  return ok({ value, usage: { calls: 1, inputTokens, outputTokens } });
}

/** Undefined when it is none. A fence around it, which models without structured output write, is taken away. */
function parseJson(text: unknown): unknown {
  if (typeof text !== 'string') return undefined;
  try {
    return JSON.parse(unfenced(text.trim()));
  } catch {
    return undefined;
  }
}

/** By ends, not by an expression that has to find them: the text may be long. */
function unfenced(text: string): string {
  const end = text.indexOf('\n');
  const isFenced = /^```(?:json)?\s*$/.test(text.slice(0, end)) && text.endsWith('```');
  return isFenced ? text.slice(end + 1, -3) : text;
}

function toFailure(error: unknown, signal: AbortSignal): ModelFailure {
  if (signal.aborted) return { kind: 'unavailable', reason: 'time-out' };
  if (error instanceof APIConnectionError) return { kind: 'unavailable', reason: 'no connection' };
  // Bodies that are no JSON or end too soon are thrown as what the parser or the socket says.
  if (error instanceof SyntaxError) return { kind: 'unusable', reason: 'no JSON' };
  if (!(error instanceof APIError) || error.status === undefined) {
    if (error instanceof TypeError) return { kind: 'unavailable', reason: 'connection lost' };
    throw error;
  }
  const reason = `status ${error.status}`;
  if (error.status === 429) return { kind: 'rate_limited', reason, ...retryAfter(error.headers) };
  if (error.status >= 500 || error.status === 408 || error.status === 409) {
    return { kind: 'unavailable', reason, ...retryAfter(error.headers) };
  }
  return { kind: 'unusable', reason };
}

function retryAfter(headers: Headers | undefined): { readonly retryAfterSeconds?: number } {
  const ms = retryAfterMs(headers);
  return ms === undefined ? {} : { retryAfterSeconds: Math.ceil(ms / 1_000) };
}
