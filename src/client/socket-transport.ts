/** Binary frames over a WebSocket. Deflated ones take a turn of the platform's inflater, and those behind them wait. */
import { deflatedBytes, packClientFrame, unpackServerFrame } from '../protocol/binary-codec.ts';
import type { ServerFrame } from '../protocol/frames.ts';
import { MalformedValue } from '../protocol/packed-values.ts';
import type { ClientEnvironment } from './environment.ts';
import type { Transport, TransportEnd, TransportEvents } from './transport.ts';

/** @param url `wss://host/api/v1/sync`: the token goes in HELLO, never in an address. */
export function openSocketTransport(
  { openSocket }: Pick<ClientEnvironment, 'openSocket'>,
  url: string,
  events: TransportEvents,
): Transport {
  const socket = openSocket(url);
  socket.binaryType = 'arraybuffer';
  let isOver = false;
  /** A frame could not be read: those behind it are not read either. */
  let isBroken = false;
  let inflating: Promise<void> | null = null;

  const end = (reason: TransportEnd): void => {
    if (isOver) return;
    isOver = true;
    events.onEnd(reason);
  };
  const failOn = (error: unknown): void => {
    isBroken = true;
    socket.close();
    end({
      code: null,
      detail: error instanceof MalformedValue ? `a malformed frame: ${error.path} ${error.message}` : String(error),
    });
  };
  const read = (bytes: Uint8Array): ServerFrame | null => {
    if (isBroken) return null;
    try {
      return unpackServerFrame(bytes);
    } catch (error) {
      failOn(error);
      return null;
    }
  };
  const deliver = (bytes: Uint8Array): void => {
    if (!isOver) events.onFrame(() => read(bytes));
  };
  const deliverInOrder = async (before: Promise<void> | null, frame: Uint8Array, deflated: Uint8Array | null): Promise<void> => {
    const [bytes] = await Promise.all([deflated === null ? frame : inflate(deflated), before]);
    deliver(bytes);
  };
  const receive = (data: unknown): void => {
    if (isOver || !(data instanceof ArrayBuffer)) return;
    const frame = new Uint8Array(data);
    const deflated = deflatedBytes(frame);
    if (deflated === null && inflating === null) return deliver(frame);
    const delivered: Promise<void> = deliverInOrder(inflating, frame, deflated).then(() => {
      if (inflating === delivered) inflating = null;
    }, failOn);
    inflating = delivered;
  };

  socket.onopen = () => {
    if (!isOver) events.onOpen();
  };
  socket.onmessage = ({ data }) => {
    try {
      receive(data);
    } catch (error) {
      failOn(error);
    }
  };
  socket.onclose = ({ code, reason }) => end({ code, detail: reason });
  // The platform says nothing more exact, and closes after it.
  socket.onerror = () => undefined;

  return {
    kind: 'socket',
    send: (frame) => {
      if (!isOver) socket.send(packClientFrame(frame) as Uint8Array<ArrayBuffer>);
    },
    close: () => {
      isOver = true;
      socket.close(1000);
    },
  };
}

export const canInflate = (): boolean => typeof DecompressionStream === 'function';

/** RFC 1951 */
async function inflate(bytes: Uint8Array): Promise<Uint8Array> {
  const stream = new Blob([bytes as Uint8Array<ArrayBuffer>]).stream().pipeThrough(new DecompressionStream('deflate-raw'));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}
