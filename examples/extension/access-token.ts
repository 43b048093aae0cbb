/**
 * Access tokens for the client, whichever page or worker it runs in. A refresh token works once, and a second use ends the
 * session; so only one of them at a time may renew, and each looks first whether another one just did.
 */
import type { TokenReason } from '../../src/client/index.ts';
import { type Account, readAccount, writeAccount } from './account.ts';
import { Refused, renewTokens } from './server.ts';

/** Left of a token's life when it is not worth giving any more, ms. */
const marginMs = 30_000;

/** @returns null when nobody is logged in, or the server ended the session. */
export function createTokenSource(): (reason: TokenReason) => Promise<string | null> {
  let given: string | null = null;
  return (reason) =>
    navigator.locks.request('aibrain-account', async () => {
      const account = await readAccount();
      if (account === null || account.isLoggedOut === true) return null;
      const isOfUse = reason === 'start' ? !isEnding(account) : account.token !== given;
      given = isOfUse ? account.token : await renew(account);
      return given;
    });
}

/** The new tokens are kept before anybody uses them: without them the session could not go on. */
async function renew(account: Account): Promise<string | null> {
  try {
    const tokens = await renewTokens(account);
    await writeAccount({ ...account, ...tokens });
    return tokens.token;
  } catch (error) {
    if (!(error instanceof Refused) || (error.status !== 401 && error.status !== 403)) throw error;
    await writeAccount({ ...account, isLoggedOut: true });
    return null;
  }
}

/** By this device's clock, which may be wrong: then the server refuses the token, and the client asks for another one. */
const isEnding = ({ tokenExpiresAt }: Account): boolean => Date.parse(tokenExpiresAt) - Date.now() < marginMs;
