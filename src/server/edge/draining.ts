/**
 * How a server leaves: `/ready` says so first, so that a balancer sends nobody new; sockets are told to come back and closed one
 * after the other; requests are served to the end of it, each with the word that its connection ends. Then the app closes.
 */
import type { FastifyInstance } from 'fastify';

export interface Draining {
  readonly isOn: boolean;
  /** Resolves when everything that left by itself has left. Once. */
  begin(): Promise<void>;
  /** @param leave called when it begins. */
  onBegin(leave: () => Promise<void>): void;
}

/** @param noticeMs how long requests are served at least after `/ready` said 503. */
export function createDraining(noticeMs: number): Draining {
  const leavers: (() => Promise<void>)[] = [];
  let ended: Promise<void> | null = null;
  const begin = async (): Promise<void> => {
    const notice = new Promise<void>((resolve) => setTimeout(resolve, noticeMs));
    await Promise.all([notice, ...leavers.map((leave) => leave())]);
  };
  return {
    get isOn() {
      return ended !== null;
    },
    begin: () => (ended ??= begin()),
    onBegin: (leave) => void leavers.push(leave),
  };
}

/** A connection that stays open would have to be cut. */
export function endConnectionsWhileDraining(app: FastifyInstance, draining: Pick<Draining, 'isOn'>): void {
  app.addHook('onSend', (_request, reply, payload, done) => {
    if (draining.isOn) reply.header('connection', 'close');
    done(null, payload);
  });
}
