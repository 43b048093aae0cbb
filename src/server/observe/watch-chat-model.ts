/** The model that reads conversations, counted and traced: how long, how many tokens, what kind of failure. */
import type { ChatModel, Question } from '../ingest/chat-model.ts';
import type { ProviderMetrics } from '../metrics/provider-metrics.ts';
import type { OpenSpan, Tracing } from '../tracing/tracing.ts';

export function watchChatModel(model: ChatModel, metrics: ProviderMetrics, tracing: Tracing | null): ChatModel {
  const ask = async <T>(question: Question<T>, span: OpenSpan | null) => {
    const startedAt = performance.now();
    const answer = await model.ask(question);
    metrics.asked(performance.now() - startedAt, answer.ok ? null : answer.error.kind);
    if (answer.ok) {
      const { inputTokens: input, outputTokens: output } = answer.value.usage;
      metrics.tokens({ input, output });
      span?.set({ 'gen_ai.usage.input_tokens': input, 'gen_ai.usage.output_tokens': output });
    } else span?.set({ 'error.type': answer.error.kind });
    return answer;
  };
  if (tracing === null) return { name: model.name, ask: (question) => ask(question, null) };
  const attributes = { 'gen_ai.operation.name': 'chat', 'gen_ai.request.model': model.name };
  return {
    name: model.name,
    ask: (question) => tracing.span({ name: `chat ${model.name}`, kind: 'client', attributes }, (span) => ask(question, span)),
  };
}
