import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { RedisServer } from '../../../test/support/redis-server.ts';
import { RENAME_AGAIN, RESTORE_AGAIN } from './write-again.ts';

let server: RedisServer;
beforeAll(async () => {
  server = await RedisServer.start();
});
afterAll(() => server.stop());
beforeEach(() => server.call('FLUSHALL'));

const AT_MS = String(Date.now() + 1_000_000);

/** Gives `k` again as a hash that expires. */
async function restore(): Promise<string> {
  await server.call('HSET', 'k2', 'f', 'v', 'g', 'w');
  const dump = (await server.call('DUMP', 'k2')) as Buffer;
  await server.call('DEL', 'k2');
  return server.call('EVAL', RESTORE_AGAIN, 1, 'k', 'part', AT_MS, dump, 'ABSTTL').then(String, String);
}

describe('an entry that is given again', () => {
  it('is written where nothing stands, and is there where it stands already', async () => {
    expect([await restore(), await restore()]).toEqual(['OK', 'OK']);
    expect(await server.text('HGET', 'k', 'g')).toBe('w');
    expect(String(await server.call('PEXPIRETIME', 'k'))).toBe(AT_MS);
    expect(await server.call('DBSIZE')).toBe(1);
  });

  it.each([
    ['another value', ['HSET', 'k', 'f', 'theirs']],
    ['another type', ['SET', 'k', 'theirs']],
    ['no expiry', ['PERSIST', 'k']],
    ['another expiry', ['PEXPIRE', 'k', '500000']],
  ])('leaves %s alone', async (_what, change) => {
    await restore();
    await server.call(...change);
    const before = await server.call('DUMP', 'k');
    expect(await restore()).toMatch(/BUSYKEY/);
    expect(await server.call('DUMP', 'k')).toEqual(before);
    expect(await server.call('EXISTS', 'part')).toBe(0);
  });

  it('gets its name, or has it, or leaves it to another one', async () => {
    const rename = (): Promise<string> =>
      server.call('EVAL', RENAME_AGAIN, 1, 'k', 'part').then(String, String);
    await server.call('RPUSH', 'part', 'a', 'b');
    expect([await rename(), await server.call('EXISTS', 'part')]).toEqual(['1', 0]);
    await server.call('RPUSH', 'part', 'a', 'b');
    expect(await rename()).toBe('1');
    await server.call('RPUSH', 'part', 'c');
    expect(await rename()).toBe('0');
    await server.call('DEL', 'part');
    expect(await rename()).toMatch(/ERR no such key/);
  });
});
