/** How many sockets may be open: in all and of one address, decided before the upgrade, and of one user, decided with HELLO. */
import type { onRequestHookHandler } from 'fastify';
import { AppError } from '../../core/errors.ts';
import { createSeats, type Seats } from '../admission/seats.ts';
import type { Config } from '../config.ts';
import type { LoadMetrics } from '../metrics/load-metrics.ts';
import { addressKey } from './address-key.ts';
import { whenClosed } from './when-closed.ts';

export interface SocketPlaces {
  /** Takes a place for an upgrade until its connection ends, or answers 503 or 429. */
  readonly beforeUpgrade: onRequestHookHandler;
  readonly ofUsers: Seats;
}

export type SocketPlacesConfig = Pick<Config, 'rateLimit' | 'sockets' | 'socketsPerUser' | 'socketsPerAddress'>;

/** Sockets stay for hours: a place that is free in a second would be a surprise. */
const retryAfterSeconds = 10;

export function createSocketPlaces(config: SocketPlacesConfig, metrics: Pick<LoadMetrics, 'refused'>): SocketPlaces {
  const all = createSeats(config.sockets);
  const ofAddresses = createSeats(config.rateLimit === 'on' ? config.socketsPerAddress : null);
  return {
    ofUsers: createSeats(config.socketsPerUser),
    beforeUpgrade(request, _reply, done) {
      if (!request.ws) return done();
      const ofAddress = ofAddresses.take(addressKey(request.ip));
      const ofAll = ofAddress === null ? null : all.take('all');
      if (ofAddress !== null && ofAll !== null) {
        whenClosed(request.raw.socket, () => {
          ofAddress();
          ofAll();
        });
        return done();
      }
      ofAddress?.();
      metrics.refused(ofAddress === null ? 'sockets_of_address' : 'sockets');
      const members = { retryAfterSeconds };
      if (ofAddress === null) return done(new AppError('too_many_sockets', undefined, [], members));
      done(new AppError('overloaded', 'As many sockets are open as may be.', [], members));
    },
  };
}
