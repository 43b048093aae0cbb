/** Who is asking: the token of a request, checked before its body is read. */
import type { onRequestAsyncHookHandler } from 'fastify';
import { AppError } from '../../core/errors.ts';
import type { Access } from '../access/access.ts';

export function createAuthHook(access: Pick<Access, 'authenticate'>): onRequestAsyncHookHandler {
  return async (request) => {
    const token = bearerToken(request.headers.authorization);
    if (token === null) throw new AppError('unauthorized');
    const principal = await access.authenticate(token);
    if (!principal.ok) throw new AppError(principal.error);
    request.principal = principal.value;
  };
}

/** RFC 9110: the name of a scheme is the same in any case. */
export function bearerToken(authorization: string | undefined): string | null {
  return /^bearer +([^\s]+) *$/i.exec(authorization ?? '')?.[1] ?? null;
}
