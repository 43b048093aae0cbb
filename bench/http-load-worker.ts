/** Makes the requests that its parent (http-load.ts) orders, and tells how many were answered. */
import autocannon from 'autocannon';
import type { HttpLoad, HttpLoadMessage } from './http-load.ts';

/** The run ends at a sample: the shorter they are, the nearer to the time that was asked for. */
const sampleMs = 50;
const timeoutSeconds = 30;

process.once('message', (load: HttpLoad) => void run(load));

async function run(load: HttpLoad): Promise<void> {
  try {
    tell({ kind: 'result', result: await send(load) });
  } catch (error) {
    tell({ kind: 'failed', why: error instanceof Error ? (error.stack ?? error.message) : String(error) });
  }
}

function tell(message: HttpLoadMessage): void {
  process.send?.(message, () => process.disconnect());
}

async function send({ url, connections, seconds, requests, token }: HttpLoad) {
  const result = await autocannon({
    url,
    connections,
    duration: seconds,
    sampleInt: sampleMs,
    timeout: timeoutSeconds,
    headers: token === null ? {} : { authorization: `Bearer ${token}` },
    requests: requests.map(({ body, ...request }) => ({
      ...request,
      ...(body !== undefined && { body, headers: { 'content-type': 'application/json' } }),
    })),
  });
  const answers = result['2xx'];
  const { non2xx, errors, timeouts } = result;
  if (answers === 0 || non2xx + errors + timeouts > 0)
    throw new Error(`${answers} answers, ${non2xx} no success, ${errors} errors, ${timeouts} time-outs`);
  return { requestsPerSecond: answers / result.duration, answers };
}
