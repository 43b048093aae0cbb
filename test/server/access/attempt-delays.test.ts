import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { attemptLimits, waitOf } from '../../../src/server/access/attempt-delays.ts';
import { networkOf } from '../../../src/server/access/network.ts';

const { ofSource, ofStrangers, forgetAfterMs } = attemptLimits;
const at = Date.UTC(2026, 0, 1);

describe('delays', () => {
  it('[SEC-6] the free ones cost nothing, then the delay doubles up to its bound', () => {
    const delays = [9, 10, 11, 12, 13, 14, 15, 99].map((failures) => waitOf({ failures, lastAt: at }, ofSource, at) / 1_000);
    expect(delays).toEqual([0, 30, 60, 120, 240, 480, 900, 900]);
    expect(waitOf({ failures: 100, lastAt: at }, ofStrangers, at)).toBe(1_000);
    expect(waitOf({ failures: 1_000_000, lastAt: at }, ofStrangers, at)).toBe(60_000);
    expect(waitOf(null, ofSource, at)).toBe(0);
  });

  it('[SEC-6] a delay ends with time, is never longer than its bound, and all is forgotten after an hour', () => {
    fc.assert(
      fc.property(fc.nat(2_000_000), fc.nat(2 * forgetAfterMs), (failures, later) => {
        const wait = waitOf({ failures, lastAt: at }, ofSource, at + later);
        expect(wait).toBeGreaterThanOrEqual(0);
        expect(wait).toBeLessThanOrEqual(ofSource.maxDelayMs);
        expect(waitOf({ failures, lastAt: at }, ofSource, at + later + wait)).toBe(0);
        if (later >= forgetAfterMs) expect(wait).toBe(0);
      }),
    );
  });
});

describe('networks', () => {
  it.each([
    ['192.0.2.7', '192.0.2.7'],
    ['::ffff:192.0.2.7', '192.0.2.7'],
    ['::FFFF:c000:207', '192.0.2.7'],
    ['2001:db8::1', '2001:db8:0:0::/64'],
    ['2001:0DB8:0000:0000:ffff::', '2001:db8:0:0::/64'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64'],
    ['::1', '0:0:0:0::/64'],
    ['::', '0:0:0:0::/64'],
    ['1::', '1:0:0:0::/64'],
  ])('[SEC-6] %s is of %s', (address, network) => {
    expect(networkOf(address)).toBe(network);
  });
});
