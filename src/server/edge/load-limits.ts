/** Everything that keeps one caller’s load from the others, put on the server (SEC-16). */
import type { FastifyInstance, onSendHookHandler } from 'fastify';
import type { Admission } from '../admission/admission.ts';
import type { Config } from '../config.ts';
import type { LoadMetrics } from '../metrics/load-metrics.ts';
import { createAdmissionHook } from './admission-hook.ts';
import { answerClientError } from './client-error.ts';
import { limitConnections } from './connection-limits.ts';
import { httpLimits } from './http-limits.ts';
import { createLargeBodyLimit } from './large-bodies.ts';
import { createSlowPeers, type SlowPeers } from './slow-peers.ts';

export interface LoadLimitDeps {
  readonly admission: Admission;
  readonly metrics: LoadMetrics;
  readonly config: Pick<Config, 'rateLimit' | 'trustProxy' | 'connections' | 'connectionsPerAddress' | 'slowClientSeconds'>;
}

/** How often headers that are late are looked for, ms: Node's own default is 30 s. */
export const headersCheckMs = 1_000;
/** SLOW_CLIENT_SECONDS counts these. */
const lookEveryMs = 1_000;

export function installLoadLimits(app: FastifyInstance, { admission, metrics, config }: LoadLimitDeps): void {
  const { connections, trustProxy: proxies } = config;
  const ofOneAddress = config.rateLimit === 'on' ? config.connectionsPerAddress : null;
  limitConnections(app.server, { connections, ofOneAddress, proxies }, () => metrics.refused('connections'));
  const slowPeers = createSlowPeers(
    {
      onSlowBody(socket) {
        metrics.refused('slow_body');
        answerClientError(Object.assign(new Error('slow body'), { code: 'ERR_HTTP_REQUEST_TIMEOUT' }), socket);
      },
      onSlowReader(socket) {
        metrics.refused('slow_reader');
        socket.destroy();
      },
    },
    { looks: config.slowClientSeconds, minBytes: httpLimits.minBodyBytes },
  );
  app.decorateRequest('turn', null);
  app.decorate('admit', createAdmissionHook(admission));
  app.decorate('watchAnswer', createAnswerWatch(slowPeers));
  app.decorate(
    'limitLargeBodies',
    createLargeBodyLimit(httpLimits, () => metrics.refused('own_queue_full')),
  );
  app.addHook('onRequest', (request, _reply, done) => {
    const { headers } = request.raw;
    if (headers['content-length'] !== undefined || headers['transfer-encoding'] !== undefined) slowPeers.watchBody(request.raw);
    done();
  });
  const looking = setInterval(slowPeers.look, lookEveryMs).unref();
  app.addHook('onClose', async () => clearInterval(looking));
}

/** Small answers fit into what the network takes at once. */
function createAnswerWatch(slowPeers: Pick<SlowPeers, 'watchReader'>): onSendHookHandler<unknown> {
  return (_request, reply, payload, done) => {
    const isLarge =
      typeof payload === 'string' || payload instanceof Uint8Array ? payload.length > httpLimits.watchedAnswerBytes : payload;
    if (isLarge) slowPeers.watchReader(reply.raw);
    done(null, payload);
  };
}
