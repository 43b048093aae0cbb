/** Hints over LISTEN and NOTIFY, for several servers on one PostgreSQL without Redis. Many messages, one statement. */
import { maxNotifyBytes, openPostgresListener, type PostgresListener } from '../infra/postgres-listener.ts';
import type { HintChannel } from './hint-channel.ts';

/** @param url past pgbouncer in transaction mode, which does not pass notifications on. */
export function createPostgresHints({ random }: { readonly random: () => number }, url: string): HintChannel {
  let listener: PostgresListener | null = null;
  return {
    kind: 'postgresql',
    shards: 1,
    maxMessageBytes: maxNotifyBytes,
    open(heard, lost) {
      listener = openPostgresListener({ random, heard, lost }, { url, channel: 'aibrain_hints' });
    },
    async send(messages) {
      await listener?.notify(messages.map(({ text }) => text));
    },
    restart: () => listener?.reconnect(),
    close: async () => await listener?.close(),
  };
}
