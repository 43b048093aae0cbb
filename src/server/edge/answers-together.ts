/**
 * The answers of one turn of the event loop go out one after the other at its end. Whoever is written to wakes up, and waking the other
 * side is half of what an answer costs: those of the next writes find it awake (docs/decisions/0016).
 */
export type SendAnswer = (send: () => void) => void;

/** What it is given must not throw. All of a turn are sent in the async context of its first. */
export function createSendTogether(): SendAnswer {
  let waiting: (() => void)[] = [];
  const sendAll = (): void => {
    const sends = waiting;
    waiting = [];
    for (const send of sends) send();
  };
  return (send) => {
    if (waiting.push(send) === 1) setImmediate(sendAll);
  };
}

/** Each in its own async context, as traces need it. */
export const sendAtOnce: SendAnswer = (send) => send();
