/**
 * Requests of the command line to a running server. By node:http, as fetch gives up when an answer takes five minutes: a file
 * that is ingested by a model takes longer.
 */
import { type ClientRequest, type IncomingMessage, request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import { Readable } from 'node:stream';
import { json } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';

export interface ServerCall {
  readonly url: string;
  readonly method: 'GET' | 'POST';
  /** Below /api/v1. */
  readonly path: string;
  readonly token?: string;
  readonly body?: RequestBody;
}

export interface RequestBody {
  readonly mediaType: string;
  readonly bytes: string | AsyncIterable<Uint8Array>;
}

/** @throws Error whose message is for people: what the server answered, or that it does not. */
export async function callServer(call: ServerCall): Promise<IncomingMessage> {
  const { answer, sent } = await send(call);
  const status = answer.statusCode ?? 0;
  if (status >= 200 && status < 300) return answer;
  const problem = (await json(answer).catch(() => ({}))) as {
    readonly detail?: string;
    readonly errors?: readonly { readonly path: string; readonly message: string }[];
  };
  // What is not sent yet of a refused body is not sent any more.
  sent.destroy();
  const fields = (problem.errors ?? []).map(({ path, message }) => `${path} ${message}`);
  throw new Error([String(status), problem.detail ?? '', ...fields].filter((part) => part !== '').join(' '));
}

export const jsonBody = (value: unknown): RequestBody => ({ mediaType: 'application/json', bytes: JSON.stringify(value) });

interface Exchange {
  readonly sent: ClientRequest;
  readonly answer: IncomingMessage;
}

function send({ url, method, path, token, body }: ServerCall): Promise<Exchange> {
  return new Promise((resolve, reject) => {
    const target = new URL(`/api/v1${path}`, url);
    const headers = {
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
      ...(body !== undefined && { 'content-type': body.mediaType }),
    };
    const sent = (target.protocol === 'https:' ? requestHttps : requestHttp)(target, { method, headers });
    // Once there is an answer, that the rest of the body was not taken says nothing.
    sent.once('response', (answer) => resolve({ sent, answer }));
    sent.on('error', (error) => reject(new Error(`${url} does not answer: ${error.message}`)));
    if (body === undefined || typeof body.bytes === 'string') sent.end(body?.bytes);
    else pipeline(Readable.from(body.bytes), sent).catch(reject);
  });
}
