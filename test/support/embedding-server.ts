/** A provider that speaks OpenAI's HTTP of embeddings, on a free port, and does what a test asks for. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export type Behaviour = (request: EmbeddingRequest, response: ServerResponse) => void;

export interface EmbeddingRequest {
  readonly model: string;
  readonly input: readonly string[];
  readonly encoding_format?: string;
}

export interface EmbeddingServer extends AsyncDisposable {
  /** With `/v1`. */
  readonly url: string;
  readonly requests: readonly EmbeddingRequest[];
  /** Answers the next requests with these, one after the other, then well again. */
  next(...behaviours: readonly Behaviour[]): void;
  /** Answers all further requests so; null: well. */
  always(behaviour: Behaviour | null): void;
}

export async function startEmbeddingServer(dimensions = 8): Promise<EmbeddingServer> {
  const requests: EmbeddingRequest[] = [];
  const queue: Behaviour[] = [];
  let standing: Behaviour | null = null;
  const server = createServer((request, response) => {
    void readBody(request).then((text) => {
      const asked = JSON.parse(text) as EmbeddingRequest;
      requests.push(asked);
      (queue.shift() ?? standing ?? answerWell(dimensions))(asked, response);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
    requests,
    next: (...behaviours) => void queue.push(...behaviours),
    always: (behaviour) => {
      standing = behaviour;
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** The vector of a text: how often each of some letters is in it. */
export function letterVector(text: string, dimensions: number): number[] {
  const vector = new Array<number>(dimensions).fill(0);
  for (const char of text.toLowerCase()) {
    const place = (char.codePointAt(0) ?? 0) % dimensions;
    vector[place] = (vector[place] ?? 0) + 1;
  }
  return vector;
}

export const answerWell =
  (dimensions: number): Behaviour =>
  ({ input, model }, response) =>
    sendVectors(
      response,
      model,
      input.map((text) => letterVector(text, dimensions)),
    );

export const answerVectors =
  (vectors: readonly unknown[]): Behaviour =>
  ({ model }, response) =>
    sendVectors(response, model, vectors);

export const answerText =
  (status: number, text: string, headers: Readonly<Record<string, string>> = {}): Behaviour =>
  (_request, response) =>
    void response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(text);

/** Never answers. */
export const staySilent: Behaviour = () => {};

/** Half of the JSON, under the length of the whole. */
export const breakOff: Behaviour = (_request, response) => {
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': '1000' });
  response.write('{"object":"list","data":[{"emb', () => response.destroy());
};

function sendVectors(response: ServerResponse, model: string, vectors: readonly unknown[]): void {
  const data = vectors.map((embedding, index) => ({ object: 'embedding', index, embedding }));
  const text = JSON.stringify({ object: 'list', model, data, usage: { prompt_tokens: 1, total_tokens: 1 } });
  response.writeHead(200, { 'content-type': 'application/json' }).end(text);
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}
