/** /auth: accounts and sessions. */
import type { FastifyInstance } from 'fastify';
import { AppError } from '../../core/errors.ts';
import type { Result } from '../../core/result.ts';
import type { Access } from '../access/access.ts';
import type { Login, WeakPassword } from '../access/credentials.ts';
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
      errors: ['email_taken', 'weak_password'],
    },
    async ({ body }) => ({ status: 201, body: toLogin(accepted(await access.register(body), 'password')) }),
  );
}

function registerLogin(app: FastifyInstance, access: Access): void {
  route(
    app,
    {
      method: 'POST',
      url: '/auth/login',
      summary: 'Begin a session; a known device id is used again',
      operationId: 'login',
      description: 'A wrong e-mail and a wrong password are told alike, in content and in time.',
      examples: { 'Without a device of its own': { email: 'ada@example.org', password: 'a long passphrase' } },
      tag,
      auth: false,
      perMinute: authRates.login,
      body: credentialsSchema,
      answers: { 200: loginSchema },
      errors: ['invalid_credentials', 'device_revoked', 'too_many_devices'],
    },
    async ({ body }) => {
      const login = await access.login(body);
      if (!login.ok) throw new AppError(login.error);
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
      summary: 'End this session',
      operationId: 'logout',
      description: 'Its tokens are refused from then on, on every node, and its sockets close.',
      tag,
      auth: true,
      answers: { 204: null },
    },
    async ({ principal }) => {
      await access.logout(principal);
      return { status: 204 };
    },
  );
}

type PasswordRefusal = WeakPassword | { readonly code: 'email_taken' | 'invalid_credentials' };

/** @param field the one that holds the new password. */
export function accepted<T>(result: Result<T, PasswordRefusal>, field: string): T {
  if (result.ok) return result.value;
  const { error } = result;
  if (error.code === 'weak_password') throw new AppError(error.code, undefined, [{ path: field, message: error.weakness }]);
  throw new AppError(error.code);
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
