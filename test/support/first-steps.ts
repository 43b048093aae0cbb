/** What anybody does first with a server, however it was installed: register, write, find it again. */
import { expect } from 'vitest';
import { send } from './http.ts';

export const person = { email: 'me@example.org', password: 'a long passphrase' };

export async function takeFirstSteps(url: string): Promise<void> {
  const registered = await send<{ token: string }>('POST', `${url}/api/v1/auth/register`, { body: person });
  expect(registered.status).toBe(201);
  const { token } = registered.body;
  const body = { content: 'Ada lives in Bern', type: 'fact', scope: 'user_global' };
  expect((await send('POST', `${url}/api/v1/memories`, { token, body })).status).toBe(201);
  await expectFound(url, token);
}

/** After a restart, or in another installation on the same store. */
export async function expectStillThere(url: string): Promise<void> {
  const login = await send<{ token: string }>('POST', `${url}/api/v1/auth/login`, { body: person });
  expect(login.status).toBe(200);
  await expectFound(url, login.body.token);
}

interface Found {
  readonly memories: readonly { readonly content: string }[];
}

async function expectFound(url: string, token: string): Promise<void> {
  const found = await send<Found>('POST', `${url}/api/v1/memories/search`, { token, body: { query: 'Bern' } });
  expect(found.status).toBe(200);
  expect(JSON.stringify(found.body)).toContain('Ada lives in Bern');
}
