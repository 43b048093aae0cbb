/**
 * The client of whoever is logged in. Every page and the service worker open one of their own on the same store: they share
 * one replica, one of them syncs for all, and when it is closed or killed another one takes over.
 */
import { type Client, createClient, type DeviceId } from '../../src/client/index.ts';
import { createTokenSource } from './access-token.ts';
import { type Account, readAccount, watchAccount } from './account.ts';

export interface Replica {
  readonly account: Account;
  readonly client: Client;
}

/**
 * Opens the replica of the account, and again whenever another one logs in.
 * @param onChange with null when nobody is logged in.
 * @param onFailure the browser does not give what was kept. One of the two is called at least once.
 */
export function followAccount(onChange: (replica: Replica | null) => void, onFailure: (error: unknown) => void): void {
  let current: Replica | null = null;
  let work = open().catch(onFailure);
  watchAccount((account) => {
    work = work.then(() => move(account)).catch(onFailure);
  });

  async function open(): Promise<void> {
    const account = await readAccount();
    if (account === null) onChange(null);
    else await move(account);
  }

  async function move(account: Account | null): Promise<void> {
    const isSame = account !== null && current !== null && keyOf(account) === keyOf(current.account);
    if (isSame && current !== null) {
      current = { account, client: current.client };
      // A new login, or new tokens: what waited for them can go on.
      if (account.isLoggedOut !== true && current.client.status.stuck !== null) current.client.syncNow();
      return onChange(current);
    }
    const before = current;
    current = null;
    await before?.client.close();
    if (account !== null) current = { account, client: await openClient(account) };
    onChange(current);
  }
}

/** Each account of each server has a store of its own: what waits in one must never be sent to another. */
function openClient(account: Account): Promise<Client> {
  return createClient({
    url: account.server,
    getToken: createTokenSource(),
    name: `aibrain:${account.user.id}`,
    device: account.device.id as DeviceId,
  });
}

const keyOf = ({ server, user }: Account): string => `${server} ${user.id}`;
