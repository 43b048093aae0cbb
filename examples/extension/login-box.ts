/** Logs in, or registers. */
import { type Account, writeAccount } from './account.ts';
import { h } from './dom.ts';
import { logIn, Refused } from './server.ts';

const usualServer = 'http://127.0.0.1:3000';

/** @param before whose session the server ended; logging in as the same person goes on with what is kept here. */
export function createLoginBox(before: Account | null): HTMLElement {
  const server = h('input', { type: 'url', name: 'server', required: true, value: before?.server ?? usualServer });
  const email = h('input', {
    type: 'email',
    name: 'email',
    required: true,
    autocomplete: 'username',
    value: before?.user.email ?? '',
  });
  const password = h('input', { type: 'password', name: 'password', required: true, autocomplete: 'current-password' });
  const problem = h('p', { class: 'problem', role: 'alert' });

  async function enter(path: 'login' | 'register'): Promise<void> {
    problem.textContent = '';
    if (!form.reportValidity()) return;
    try {
      const credentials = { email: email.value.trim(), password: password.value };
      const isSame = before?.user.email === credentials.email.toLowerCase();
      await writeAccount(await logIn(originOf(server.value), path, credentials, isSame ? before.device.id : undefined));
    } catch (error) {
      problem.textContent = problemOf(error);
    }
  }
  const onSubmit = (event: Event): void => {
    event.preventDefault();
    void enter('login');
  };
  const form = h(
    'form',
    { class: 'box', on: { submit: onSubmit } },
    h(
      'div',
      {},
      h('h2', {}, before === null ? 'Your server and account' : 'Log in again'),
      h(
        'p',
        { class: 'hint' },
        before === null ? 'One account for all your devices.' : 'The server ended the session. What you kept is still here.',
      ),
    ),
    h('label', {}, h('span', {}, 'Server'), server),
    h('label', {}, h('span', {}, 'E-mail'), email),
    h('label', {}, h('span', {}, 'Password, at least 10 characters'), password),
    problem,
    h(
      'div',
      { class: 'buttons' },
      h('button', { type: 'submit', class: 'primary' }, 'Log in'),
      h('button', { type: 'button', on: { click: () => void enter('register') } }, 'Register'),
    ),
  );
  return form;
}

/** Of what a person types: a path or a slash at the end belongs to a page, not to the server. */
const originOf = (address: string): string => new URL(address).origin;

function problemOf(error: unknown): string {
  if (error instanceof Refused) return error.message;
  return `The server cannot be reached from here. It has to allow this extension: CORS_ORIGIN=${location.origin}`;
}
