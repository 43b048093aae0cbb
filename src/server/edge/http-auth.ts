/** /auth: accounts and sessions. */
import type { FastifyInstance } from 'fastify';
import { AppError, type ErrorCode } from '../../core/errors.ts';
import type { Result } from '../../core/result.ts';
import type { Access } from '../access/access.ts';
import type { Login, WeakPassword } from '../access/credentials.ts';
import type { TooManyAttempts } from '../access/login-attempts.ts';
import { authRates } from './auth-rates.ts';
import { credentialsSchema, loginSchema, refreshSchema, renewalSchema } from './auth-schemas.ts';
import { route } from './route.ts';

export interface AuthDeps {
  readonly access: Access;
}

const tag = 'auth';

export function registerAuthRoutes(app: FastifyInstance, { access }: AuthDeps): void {
  registerRegister(app, access);
  registerLogin(app, access);
  registerRefresh(app, access);
  registerLogout(app, access);
}

function registerRegister(app: FastifyInstance, access: Access): void {
  route(
    app,
    {
      method: 'POST',
      url: '/auth/register',
      work: 'password',
      summary: 'Create an account and begin its first session',
      operationId: 'register',
      description:
        'The first session and its device come with it. A known `device.id` is kept, else one is made; it names this installation in the history.',
      examples: {
        'An account and its first device': {
          email: 'ada@example.org',
          password: 'a long passphrase',
          device: { name: 'Laptop', platform: 'linux' },
        },
      },
      tag,
      auth: false,
      perMinute: authRates.register,
      body: credentialsSchema,
      answers: { 201: loginSchema },
      errors: ['email_taken', 'weak_password', 'overloaded'],
    },
    async ({ body, request }) => {
      const registered = await access.register({ ...body, address: request.ip });
      return { status: 201, body: toLogin(accepted(registered, 'password')) };
    },
  );
}

function registerLogin(app: FastifyInstance, access: Access): void {
  route(
    app,
    {
      method: 'POST',
      url: '/auth/login',
      work: 'password',
      summary: 'Begin a session; a known device id is used again',
      operationId: 'login',
      description: 'A wrong e-mail and a wrong password are told alike, in content and in time.',
      examples: { 'Without a device of its own': { email: 'ada@example.org', password: 'a long passphrase' } },
      tag,
      auth: false,
      perMinute: authRates.login,
      body: credentialsSchema,
      answers: { 200: loginSchema },
      errors: ['invalid_credentials', 'too_many_attempts', 'device_revoked', 'too_many_devices', 'overloaded'],
    },
    async ({ body, request }) => {
      const login = await access.login({ ...body, address: request.ip });
      if (!login.ok) throw toRefusal(login.error);
      return { status: 200, body: toLogin(login.value) };
    },
  );
}

function registerRefresh(app: FastifyInstance, access: Access): void {
  route(
    app,
    {
      method: 'POST',
      url: '/auth/refresh',
      work: 'light',
      summary: 'New tokens for a refresh token, which works once',
      operationId: 'refreshTokens',
      description:
        'Refresh tokens rotate. One that is used a second time ends its whole session: somebody else may hold it. Repeating a request whose answer was lost is that, too.',
      examples: {
        'The refresh token of register, login or the refresh before': { refreshToken: 'the refreshToken that was given' },
      },
      tag,
      auth: false,
      perMinute: authRates.refresh,
      body: refreshSchema,
      answers: { 200: renewalSchema },
      errors: ['unauthorized', 'refresh_reused', 'device_revoked'],
    },
    async ({ body }) => {
      const renewal = await access.refresh(body.refreshToken);
      if (!renewal.ok) throw new AppError(renewal.error);
      return { status: 200, body: { ...renewal.value, tokenExpiresAt: toIso(renewal.value.tokenExpiresAt) } };
    },
  );
}

function registerLogout(app: FastifyInstance, access: Access): void {
  route(
    app,
    {
      method: 'POST',
      url: '/auth/logout',
      summary: 'End this session; of an API key: revoke it',
      operationId: 'logout',
      description: 'Its tokens are refused from then on, on every node, and its sockets close.',
      tag,
      auth: true,
      // Whoever has a key may give it up.
      scope: 'read',
      answers: { 204: null },
    },
    async ({ principal }) => {
      await access.logout(principal);
      return { status: 204 };
    },
  );
}

type Refusal = WeakPassword | TooManyAttempts | { readonly code: 'email_taken' | 'invalid_credentials' };

/** @param field the one that holds the new password. */
export function accepted<T>(result: Result<T, Refusal>, field: string): T {
  if (result.ok) return result.value;
  const { error } = result;
  if (error.code === 'weak_password') throw new AppError(error.code, undefined, [{ path: field, message: error.weakness }]);
  throw toRefusal(error);
}

export function toRefusal(error: { readonly code: ErrorCode } | TooManyAttempts): AppError {
  if (!('retryAfterSeconds' in error)) return new AppError(error.code);
  const { code, retryAfterSeconds } = error;
  return new AppError(code, `Try again in ${retryAfterSeconds} s.`, [], { retryAfterSeconds });
}

export const toIso = (unixMs: number): string => new Date(unixMs).toISOString();

function toLogin({ user, device, token, tokenExpiresAt, refreshToken }: Login) {
  return {
    user: { ...user, createdAt: toIso(user.createdAt) },
    token,
    tokenExpiresAt: toIso(tokenExpiresAt),
    refreshToken,
    device: { id: device.id, name: device.name },
  };
}
