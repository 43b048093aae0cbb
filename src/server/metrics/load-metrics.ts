/** What the load costs whom, for Prometheus: what was refused and why, what is under way, what waits. */
import { Counter, Gauge, type Registry } from 'prom-client';
import { type Admission, type WorkKind, workKinds } from '../admission/admission.ts';

export const refusalReasons = [
  /** The queue of everybody, or one's own, was full, or one's time in it was over. */
  'queue_full',
  'own_queue_full',
  'queue_late',
  /** The rate of an address or user. */
  'rate',
  /** A connection of an address, or of anybody, beyond the limit. */
  'connections',
  'sockets',
  'sockets_of_user',
  'sockets_of_address',
  /** A connection that was ended. */
  'slow_body',
  'slow_reader',
  'slow_socket',
  'socket_flood',
] as const;

export type RefusalReason = (typeof refusalReasons)[number];

export interface LoadMetrics {
  refused(reason: RefusalReason): void;
  /** Asked for whenever the metrics are read. */
  countLoad(queues: Admission['queues']): void;
}

export function createLoadMetrics(registry: Registry): LoadMetrics {
  const registers = [registry];
  const refused = new Counter({
    name: 'aibrain_refused_total',
    help: 'Requests, connections and sockets that were refused or ended for the load they make, by reason.',
    labelNames: ['reason'],
    registers,
  });
  for (const reason of refusalReasons) refused.inc({ reason }, 0);
  let queues: Admission['queues'] | null = null;
  const gauge = (name: string, help: string, count: (kind: WorkKind) => number): void => {
    new Gauge({
      name,
      help,
      labelNames: ['work'],
      registers,
      collect() {
        for (const work of workKinds) this.set({ work }, count(work));
      },
    });
  };
  gauge('aibrain_requests_in_flight', 'Requests under way, by kind of work.', (kind) => queues?.[kind].running ?? 0);
  gauge('aibrain_requests_waiting', 'Requests that wait for their turn, by kind of work.', (kind) => queues?.[kind].waiting ?? 0);
  return {
    refused: (reason) => refused.inc({ reason }),
    countLoad: (given) => {
      queues = given;
    },
  };
}
