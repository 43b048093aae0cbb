/** The settings: which server, who, and what an older version of a memory extension left in this browser. */
import { type Account, readAccount } from './account.ts';
import { createAdoptionBox } from './adoption-box.ts';
import { byId, h } from './dom.ts';
import { createLoginBox } from './login-box.ts';
import { followAccount, type Replica } from './replica.ts';
import { createSessionBox } from './session-box.ts';
import { createShortcutBox } from './shortcut-box.ts';

const main = byId('main');
let shown: { readonly replica: Replica | null; readonly isLoggedOut: boolean } | null = null;

followAccount(
  (replica) => void show(replica),
  (error) =>
    main.replaceChildren(h('p', { class: 'problem', role: 'alert' }, `What is kept on this computer cannot be opened: ${error}`)),
);

/** New tokens are no reason to build the page again. */
async function show(replica: Replica | null): Promise<void> {
  const isLoggedOut = replica?.account.isLoggedOut === true;
  if (shown !== null && shown.replica?.client === replica?.client && shown.isLoggedOut === isLoggedOut) return;
  shown = { replica, isLoggedOut };
  main.replaceChildren(...(await boxesOf(replica, await readAccount())));
}

async function boxesOf(replica: Replica | null, account: Account | null): Promise<readonly HTMLElement[]> {
  if (replica === null) return [createLoginBox(account), createShortcutBox()];
  const again = replica.account.isLoggedOut === true ? [createLoginBox(replica.account)] : [];
  const adoption = await createAdoptionBox(replica.client);
  return [...again, createSessionBox(replica), ...(adoption === null ? [] : [adoption]), createShortcutBox()];
}
