/**
 * The turn of a request: it ends when the work is done and the answer is out, whichever comes last. An answer that nobody reads any
 * more must not end it while the work goes on, or who asks and leaves again and again would have no bound.
 */
import type { FastifyReply } from 'fastify';
import { whenClosed } from './when-closed.ts';

export interface Turn {
  /** The handler begins. */
  begin(): void;
  /** The handler has answered or thrown. */
  end(): void;
}

/** @param leave ends the turn in its queue. */
export function createTurn({ raw }: FastifyReply, leave: () => void): Turn {
  let isWorking = false;
  let isOut = false;
  const settle = (): void => {
    if (isOut && !isWorking) leave();
  };
  const onOut = (): void => {
    isOut = true;
    forget();
    settle();
  };
  // An answer that has not had its turn on a pipelined connection is not told that it closed.
  let forget = (): void => undefined;
  forget = whenClosed(raw.req.socket, onOut);
  raw.once('finish', onOut);
  return {
    begin() {
      isWorking = true;
    },
    end() {
      isWorking = false;
      settle();
    },
  };
}
