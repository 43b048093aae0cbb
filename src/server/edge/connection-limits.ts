/**
 * Connections before there is a request on them: so many at a time in all and of one address, and headers that have to come in time.
 * An address that opens a thousand and says nothing holds a thousand at most, for seconds, and nobody else out.
 */
import { BlockList, isIPv4, isIPv6, type Server, type Socket } from 'node:net';
import { createSeats } from '../admission/seats.ts';
import { addressKey } from './address-key.ts';

export interface ConnectionLimits {
  readonly connections: number;
  /** Null: no bound. */
  readonly ofOneAddress: number | null;
  /** IP or CIDR of reverse proxies, each of which speaks for many. */
  readonly proxies: readonly string[];
}

/** @param onRefused told of each connection that found no place. */
export function limitConnections(server: Server, limits: ConnectionLimits, onRefused: () => void): void {
  // Beyond it Node ends connections without a word: there is nothing left to say it with.
  server.maxConnections = limits.connections;
  server.on('drop', onRefused);
  const seats = createSeats(limits.ofOneAddress);
  const proxies = toBlockList(limits.proxies);
  server.on('connection', (socket: Socket) => {
    const { remoteAddress } = socket;
    if (remoteAddress === undefined || isIn(proxies, remoteAddress)) return;
    const giveBack = seats.take(addressKey(remoteAddress));
    if (giveBack !== null) return void socket.once('close', giveBack);
    onRefused();
    // Without a word too: the HTTP server already listens on it, and would answer beside us.
    socket.destroy();
  });
}

function toBlockList(addresses: readonly string[]): BlockList {
  const list = new BlockList();
  for (const address of addresses) {
    const [network = '', prefix] = address.split('/');
    const family = isIPv6(network) ? 'ipv6' : 'ipv4';
    if (prefix === undefined) list.addAddress(network, family);
    else list.addSubnet(network, Number(prefix), family);
  }
  return list;
}

/** An IPv4 address that came over an IPv6 socket is checked as what it is. */
function isIn(list: BlockList, address: string): boolean {
  const plain = address.startsWith('::ffff:') ? address.slice(7) : address;
  return list.check(plain, isIPv4(plain) ? 'ipv4' : 'ipv6');
}
