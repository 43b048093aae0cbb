/** Who is asking: the token of a request, checked before its body is read. */
import type { onRequestHookHandler } from 'fastify';
import { AppError } from '../../core/errors.ts';
import type { Access } from '../access/access.ts';

/** By callback: a request whose token is known from a moment ago waits for nothing, not even for a promise. */
export function createAuthHook(access: Pick<Access, 'recognize' | 'authenticate'>): onRequestHookHandler {
  return (request, _reply, done) => {
    const token = bearerToken(request.headers.authorization);
    if (token === null) return done(new AppError('unauthorized'));
    const known = access.recognize(token);
    if (known !== null) {
      request.principal = known;
      return done();
    }
    access.authenticate(token).then((principal) => {
      if (!principal.ok) return done(new AppError(principal.error));
      request.principal = principal.value;
      done();
    }, done);
  };
}

/** RFC 9110: the name of a scheme is the same in any case. */
export function bearerToken(authorization: string | undefined): string | null {
  return /^bearer +([^\s]+) *$/i.exec(authorization ?? '')?.[1] ?? null;
}
