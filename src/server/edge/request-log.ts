/** The log of requests: one line each, when it is done. What has to be done then is done from here, too: a hook would cost every request more. */
import { type FastifyReply, type FastifyRequest, LogController } from 'fastify';

export type RequestEnd = (request: FastifyRequest, reply: FastifyReply) => void;

export class RequestLog extends LogController {
  readonly #ends: RequestEnd[] = [];

  constructor() {
    super({ requestIdLogLabel: 'requestId' });
  }

  /** @param end called when a request was answered, or its connection failed while it was. Before the first request. */
  onEnd(end: RequestEnd): void {
    this.#ends.push(end);
  }

  override incomingRequest(): void {}

  override requestCompleted(error: Error | null | undefined, request: FastifyRequest, reply: FastifyReply): void {
    for (const end of this.#ends) end(request, reply);
    const line = { req: request, status: reply.statusCode, ms: Math.round(reply.elapsedTime) };
    if (error) request.log.error({ ...line, err: error }, 'request failed');
    else request.log.info(line, 'request');
  }
}
