/**
 * A server that speaks OpenAI's HTTP of chats (embedding-server.ts has that of embeddings), with answers and faults as the test scripts them. It listens on a free port; what was asked
 * of it is kept.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface ChatRequest {
  readonly model: string;
  readonly messages: readonly { readonly role: string; readonly content: string }[];
  readonly response_format?: { readonly type: string; readonly json_schema?: { readonly name: string; readonly schema: object } };
}

/** What can go wrong on the way, whatever was asked. */
export type Fault =
  | { readonly status: number; readonly headers?: Readonly<Record<string, string>> }
  /** The bytes of a 200 as they are: cut off, no JSON … */
  | { readonly body: string }
  /** The head of a 200, a byte of its body, and then nothing. */
  | 'stalls'
  | 'hangs up';

export type ChatReply =
  | Fault
  /** What the model says, as JSON. */
  | { readonly says: unknown; readonly usage?: { readonly prompt_tokens: number; readonly completion_tokens: number } }
  /** What the model says, as text, and why it stopped. */
  | { readonly text: string; readonly finishReason?: 'stop' | 'length' | 'content_filter' }
  | { readonly refusal: string };

export interface OpenAiServer extends AsyncDisposable {
  /** Ends in /v1. */
  readonly url: string;
  readonly chats: ChatRequest[];
  /** The `authorization` header of the last request. */
  readonly authorization: string | undefined;
  /** Connections on which no answer was finished, because the other side closed them. */
  readonly abandoned: number;
  /** Default: says `{}`. */
  onChat: (request: ChatRequest) => ChatReply;
  /** The vector of a text. Default: null, there is no such path. */
  onEmbedding: ((text: string) => readonly number[]) | null;
}

export async function startOpenAiServer(): Promise<OpenAiServer> {
  let authorization: string | undefined;
  let abandoned = 0;
  const http = createServer((request, response) => {
    authorization = request.headers.authorization;
    response.once('close', () => {
      if (!response.writableFinished) abandoned++;
    });
    void readJson(request).then((body) => answer(fake, request.url ?? '', body, response));
  });
  await new Promise<void>((done) => void http.listen(0, '127.0.0.1', done));
  const { port } = http.address() as AddressInfo;
  const fake: OpenAiServer = {
    url: `http://127.0.0.1:${port}/v1`,
    chats: [],
    get authorization() {
      return authorization;
    },
    get abandoned() {
      return abandoned;
    },
    onChat: () => ({ says: {} }),
    onEmbedding: null,
    [Symbol.asyncDispose]: () =>
      new Promise((done) => {
        http.close(() => done());
        http.closeAllConnections();
      }),
  };
  return fake;
}

function answer(fake: OpenAiServer, path: string, body: unknown, response: ServerResponse): void {
  if (path === '/v1/chat/completions') {
    const request = body as ChatRequest;
    fake.chats.push(request);
    const reply = fake.onChat(request);
    return isFault(reply) ? fail(response, reply) : sendJson(response, 200, completion(request, reply));
  }
  if (path === '/v1/embeddings' && fake.onEmbedding !== null) {
    const { model, input } = body as { readonly model: string; readonly input: readonly string[] };
    const data = input.map((text, index) => ({ object: 'embedding', index, embedding: fake.onEmbedding?.(text) }));
    return sendJson(response, 200, { object: 'list', model, data, usage: { prompt_tokens: 1, total_tokens: 1 } });
  }
  return sendJson(response, 404, { error: { message: 'no such path' } });
}

type Told = Exclude<ChatReply, Fault>;

function completion(request: ChatRequest, reply: Told): object {
  const message = { role: 'assistant', content: contentOf(reply), refusal: 'refusal' in reply ? reply.refusal : null };
  const usage = 'says' in reply ? reply.usage : undefined;
  return {
    id: 'chatcmpl-1',
    object: 'chat.completion',
    created: 1_764_000_000,
    model: request.model,
    choices: [{ index: 0, message, finish_reason: ('finishReason' in reply ? reply.finishReason : undefined) ?? 'stop' }],
    usage: usage === undefined ? null : { ...usage, total_tokens: usage.prompt_tokens + usage.completion_tokens },
  };
}

function contentOf(reply: Told): string | null {
  if ('refusal' in reply) return null;
  return 'text' in reply ? reply.text : JSON.stringify(reply.says);
}

const isFault = (reply: ChatReply): reply is Fault => typeof reply === 'string' || 'status' in reply || 'body' in reply;

function fail(response: ServerResponse, fault: Fault): void {
  if (fault === 'hangs up') return void response.destroy();
  if (fault === 'stalls') return void response.writeHead(200, { 'content-type': 'application/json' }).write('{');
  if ('body' in fault) return void response.writeHead(200, { 'content-type': 'application/json' }).end(fault.body);
  const error = { message: `a fault with a secret of the vendor, status ${fault.status}`, type: 'fault', code: null };
  sendJson(response, fault.status, { error }, fault.headers);
}

function sendJson(response: ServerResponse, status: number, body: object, headers: Readonly<Record<string, string>> = {}): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
}

async function readJson(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return JSON.parse(Buffer.concat(chunks).toString('utf8'));
}
