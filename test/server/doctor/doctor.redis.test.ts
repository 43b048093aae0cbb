/** What the doctor finds in a Redis. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { complaints, diagnose, messagesOf } from '../../support/doctor.ts';

const redisUrl = process.env['TEST_REDIS_URL'] ?? '';

describe('the doctor on Redis', () => {
  let empty: string;
  beforeAll(() => {
    empty = mkdtempSync(join(tmpdir(), 'aibrain-doctor-redis-'));
  });
  afterAll(() => rmSync(empty, { recursive: true, force: true }));

  it('names it, measures it, and sends itself a message', async () => {
    const found = await diagnose({ DATA_DIR: empty, REDIS_URL: redisUrl });
    expect(complaints(found).filter((text) => text.startsWith('fail'))).toEqual([]);
    expect(messagesOf(found, 'redis')).toEqual([
      expect.stringMatching(/^(Redis|Valkey) \d+\..*, a round trip takes/),
      'sharded pub/sub works',
    ]);
  });

  it('says that it is not there, or lets nobody in', async () => {
    const away = new URL(redisUrl);
    away.port = '1';
    const found = await diagnose({ DATA_DIR: empty, REDIS_URL: away.href });
    expect(complaints(found, 'redis')).toEqual([expect.stringContaining('ECONNREFUSED')]);
    const stranger = new URL(redisUrl);
    Object.assign(stranger, { username: 'stranger', password: 'hunter2hunter2' });
    const refused = await diagnose({ DATA_DIR: empty, REDIS_URL: stranger.href });
    expect(complaints(refused, 'redis')).toEqual([expect.stringMatching(/WRONGPASS|invalid username/)]);
    expect(JSON.stringify(refused)).not.toContain('hunter2');
  });
});
