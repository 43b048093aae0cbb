/**
 * Who is logged in, where: one record in `chrome.storage.local`, which every page of the extension and its service worker
 * share. Content scripts cannot read it: the service worker closes the area to them.
 */

export interface Account {
  /** `https://memory.example.org`, without a slash at the end. */
  readonly server: string;
  readonly user: { readonly id: string; readonly email: string };
  readonly device: { readonly id: string; readonly name: string };
  readonly token: string;
  /** Works once; the answer to its use brings the next one. */
  readonly refreshToken: string;
  /** ISO 8601, by the server's clock. */
  readonly tokenExpiresAt: string;
  /** The server ended the session; what is kept here stays, and goes on after the next login. */
  readonly isLoggedOut?: boolean;
}

const key = 'account';

export async function readAccount(): Promise<Account | null> {
  const stored = await chrome.storage.local.get<{ account?: Account }>(key);
  return stored.account ?? null;
}

export async function writeAccount(account: Account): Promise<void> {
  await chrome.storage.local.set({ [key]: account });
}

export async function forgetAccount(): Promise<void> {
  await chrome.storage.local.remove(key);
}

/** Calls with the account whenever another one logs in, the same one again, or nobody is left. */
export function watchAccount(onChange: (account: Account | null, before: Account | null) => void): void {
  chrome.storage.local.onChanged.addListener((changes) => {
    const change = changes[key];
    if (change !== undefined) onChange((change.newValue as Account) ?? null, (change.oldValue as Account) ?? null);
  });
}
