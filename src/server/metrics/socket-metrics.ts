/** Sync sockets: how they come and go, and what passes over them. */
import { Counter, type Registry } from 'prom-client';

export interface SocketMetrics {
  opened(): void;
  closed(code: number): void;
  received(bytes: number): void;
  sent(bytes: number): void;
}

/** RFC 6455, then those of docs/PROTOCOL.md. Any other that a peer makes up is `other`. */
const knownCodes = [1000, 1001, 1002, 1003, 1005, 1006, 1007, 1008, 1009, 1011, 1012, 1013, 4400, 4401, 4403, 4408, 4409, 4410];

export function createSocketMetrics(registry: Registry): SocketMetrics {
  const registers = [registry];
  const opened = new Counter({ name: 'aibrain_sync_sockets_opened_total', help: 'Sync sockets that were opened.', registers });
  const closed = new Counter({
    name: 'aibrain_sync_sockets_closed_total',
    help: 'Sync sockets that were closed, by close code.',
    labelNames: ['code'],
    registers,
  });
  const frames = new Counter({
    name: 'aibrain_sync_frames_total',
    help: 'Frames of sync sockets, by direction.',
    labelNames: ['direction'],
    registers,
  });
  const bytes = new Counter({
    name: 'aibrain_sync_frame_bytes_total',
    help: 'Bytes of these frames, as sent over the socket.',
    labelNames: ['direction'],
    registers,
  });
  const [framesIn, framesOut] = [frames.labels('in'), frames.labels('out')];
  const [bytesIn, bytesOut] = [bytes.labels('in'), bytes.labels('out')];
  for (const counter of [framesIn, framesOut, bytesIn, bytesOut]) counter.inc(0);
  const closedByCode = new Map(knownCodes.map((code) => [code, closed.labels(String(code))]));
  const closedOtherwise = closed.labels('other');
  for (const counter of [...closedByCode.values(), closedOtherwise]) counter.inc(0);
  return {
    opened: () => opened.inc(),
    closed: (code) => (closedByCode.get(code) ?? closedOtherwise).inc(),
    received(length) {
      framesIn.inc();
      bytesIn.inc(length);
    },
    sent(length) {
      framesOut.inc();
      bytesOut.inc(length);
    },
  };
}
