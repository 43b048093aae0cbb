/** /auth/me and /auth/password: the account itself. */
import type { FastifyInstance } from 'fastify';
import { AppError } from '../../core/errors.ts';
import type { UserId } from '../../core/ids.ts';
import type { Access } from '../access/access.ts';
import { authRates } from './auth-rates.ts';
import { accountSchema, meSchema, passwordChangeSchema, passwordProofSchema, settingsChangeSchema } from './auth-schemas.ts';
import { type AuthDeps, accepted, toIso } from './http-auth.ts';
import { route } from './route.ts';

const tag = 'account';

export function registerAccountRoutes(app: FastifyInstance, { access }: AuthDeps): void {
  registerMe(app, access);
  registerSettings(app, access);
  registerPassword(app, access);
  registerErasure(app, access);
}

function registerMe(app: FastifyInstance, access: Access): void {
  route(
    app,
    {
      method: 'GET',
      url: '/auth/me',
      summary: 'The account, this device, and what there is',
      operationId: 'getAccount',
      description: 'The counts are of live memories, devices that are not revoked, and open conflicts.',
      tag,
      auth: true,
      answers: { 200: meSchema },
    },
    async ({ principal }) => {
      const [user, counts] = await Promise.all([readUser(access, principal.userId), access.countOwned(principal.userId)]);
      const device = { id: principal.device.id, name: principal.deviceName };
      return { status: 200, body: { user, device, session: { id: principal.sessionId }, counts } };
    },
  );
}

function registerSettings(app: FastifyInstance, access: Access): void {
  route(
    app,
    {
      method: 'PATCH',
      url: '/auth/me',
      summary: 'Put these settings in place of those there were',
      operationId: 'updateAccount',
      description: 'Settings are any JSON object of at most 16 KB, nested at most 16 deep: the server only keeps them.',
      examples: { 'Settings of a client': { settings: { theme: 'dark', capture: { enabled: true } } } },
      tag,
      auth: true,
      body: settingsChangeSchema,
      answers: { 200: accountSchema },
    },
    async ({ principal, body }) => {
      await access.writeSettings(principal.userId, body.settings);
      return { status: 200, body: { user: await readUser(access, principal.userId) } };
    },
  );
}

function registerPassword(app: FastifyInstance, access: Access): void {
  route(
    app,
    {
      method: 'POST',
      url: '/auth/password',
      summary: 'Change the password; every other session ends',
      operationId: 'changePassword',
      description: 'This session goes on. The sockets of the others close.',
      examples: { 'The present password and the next': { current: 'a long passphrase', next: 'another long passphrase' } },
      tag,
      auth: true,
      perMinute: authRates.password,
      body: passwordChangeSchema,
      answers: { 204: null },
      errors: ['invalid_credentials', 'weak_password'],
    },
    async ({ principal, body }) => {
      accepted(await access.changePassword(principal, body), 'next');
      return { status: 204 };
    },
  );
}

function registerErasure(app: FastifyInstance, access: Access): void {
  route(
    app,
    {
      method: 'DELETE',
      url: '/auth/me',
      summary: 'Erase the account and everything in it',
      operationId: 'deleteAccount',
      description: 'Needs the password once more, and cannot be undone.',
      examples: { 'The password as a proof': { password: 'a long passphrase' } },
      tag,
      auth: true,
      perMinute: authRates.password,
      body: passwordProofSchema,
      answers: { 204: null },
      errors: ['invalid_credentials'],
    },
    async ({ principal, body }) => {
      const deleted = await access.deleteUser(principal.userId, body.password);
      if (!deleted.ok) throw new AppError(deleted.error);
      return { status: 204 };
    },
  );
}

async function readUser(access: Access, userId: UserId) {
  const account = await access.readAccount(userId);
  if (account === null) throw new AppError('unauthorized'); // Erased since the token was checked.
  return { ...account, createdAt: toIso(account.createdAt) };
}
