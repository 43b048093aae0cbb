/** Bodies: strict UTF-8 and JSON, no keys that reach for a prototype, no media type that no route reads. */
import type { FastifyInstance } from 'fastify';
import { AppError } from '../../core/errors.ts';

/** JSON under another name (RFC 6902). */
export const jsonPatchMediaType = 'application/json-patch+json';

export function installJsonBodies(app: FastifyInstance): void {
  app.removeContentTypeParser(['text/plain', 'application/json']);
  // secure-json-parse: refuses `__proto__`, and `constructor` that holds a `prototype`.
  const parse = app.getDefaultJsonParser('error', 'error');
  app.addContentTypeParser<Buffer>(['application/json', jsonPatchMediaType], { parseAs: 'buffer' }, (request, body, done) => {
    const text = decode(body);
    if (text === null) return done(new AppError('invalid_json', 'The body is not UTF-8.'));
    void parse(request, text, (error, value) => (error === null ? done(null, value) : done(whyRefused(error, text))));
  });
}

/** Wrong bytes are refused: replacing them, as decoders do by default, would store what nobody wrote. */
function decode(body: Buffer): string | null {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(body);
  } catch {
    return null;
  }
}

function whyRefused(error: Error, text: string): Error {
  try {
    JSON.parse(text);
  } catch {
    return error;
  }
  return new AppError('invalid_request', undefined, [
    { path: '', message: 'must not have the keys __proto__ or constructor.prototype' },
  ]);
}
