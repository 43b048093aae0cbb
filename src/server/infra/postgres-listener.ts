/**
 * LISTEN and NOTIFY on a connection of its own, outside every transaction: inside one a NOTIFY costs 60 to 80 % of the writes
 * (it holds a lock of the whole cluster across the flush of the log). It connects again by itself. Behind pgbouncer in
 * transaction mode LISTEN is accepted and nothing comes: whoever uses this has to ask himself whether what he sends arrives.
 */
import pg from 'pg';

export interface PostgresListener {
  /** Each less than 8,000 bytes, PostgreSQL's bound. Resolves when they are sent or lost, never throws. */
  notify(payloads: readonly string[]): Promise<void>;
  /** Opens another connection: for a silence that no error explains. */
  reconnect(): void;
  close(): Promise<void>;
}

export interface PostgresListenerDeps {
  readonly random: () => number;
  readonly heard: (payload: string) => void;
  /** The connection is gone: what is sent from here on does not come. */
  readonly lost: () => void;
}

export interface PostgresListenerOptions {
  readonly url: string;
  /** A plain identifier. */
  readonly channel: string;
}

export const maxNotifyBytes = 7_900;

const connectTimeoutMs = 5_000;
const answerTimeoutMs = 5_000;
const longestRetryMs = 5_000;

/** Payloads that wait for the connection; older ones are lost. */
const maxWaiting = 1_000;

const notifyText = 'select pg_notify($1::text, p) from unnest($2::text[]) as p';

export function openPostgresListener(deps: PostgresListenerDeps, { url, channel }: PostgresListenerOptions): PostgresListener {
  let client: pg.Client | null = null;
  let timer: NodeJS.Timeout | undefined;
  let isClosed = false;
  let attempt = 0;
  let waiting: string[] = [];
  let sending: Promise<void> | null = null;

  const retry = (): void => {
    if (isClosed) return;
    const waitMs = 50 + deps.random() * Math.min(longestRetryMs, 100 * 2 ** Math.min(attempt++, 10));
    clearTimeout(timer);
    timer = setTimeout(() => void connect(), waitMs).unref();
  };
  const lose = (lost: pg.Client): void => {
    if (client !== lost) return;
    client = null;
    lost.end().catch(() => undefined);
    deps.lost();
    retry();
  };
  const connect = async (): Promise<void> => {
    const opening = newClient(url);
    client = opening;
    opening.on('error', () => lose(opening));
    opening.on('end', () => lose(opening));
    opening.on('notification', ({ payload }) => payload !== undefined && deps.heard(payload));
    try {
      await opening.connect();
      // A hint is worth no flush: what a crash loses the polls find.
      await opening.query('set synchronous_commit = off');
      await opening.query(`listen ${channel}`);
      attempt = 0;
    } catch {
      lose(opening);
    }
  };
  /** One statement at a time, and whatever came meanwhile in the next. */
  const send = async (): Promise<void> => {
    while (waiting.length > 0) {
      const payloads = waiting;
      waiting = [];
      await client?.query(notifyText, [channel, payloads]).catch(() => undefined);
    }
    sending = null;
  };
  void connect();
  return {
    async notify(payloads) {
      if (payloads.length === 0) return;
      waiting = [...waiting, ...payloads].slice(-maxWaiting);
      sending = sending ?? send();
      await sending;
    },
    reconnect() {
      if (client !== null) lose(client);
    },
    async close() {
      isClosed = true;
      clearTimeout(timer);
      const closing = client;
      client = null;
      await closing?.end().catch(() => undefined);
    },
  };
}

function newClient(connectionString: string): pg.Client {
  return new pg.Client({
    connectionString,
    connectionTimeoutMillis: connectTimeoutMs,
    query_timeout: answerTimeoutMs,
    application_name: 'aibrain hints',
    keepAlive: true,
    keepAliveInitialDelayMillis: 30_000,
  });
}
