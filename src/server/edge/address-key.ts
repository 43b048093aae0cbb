/** By what an address is counted: a household has a whole /64 of IPv6 addresses. */
import { normalizeIP } from '@fastify/rate-limit';

export const ipv6Subnet = 64;

export function addressKey(address: string): string {
  return normalizeIP(address, ipv6Subnet);
}
