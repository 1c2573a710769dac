/** A stream too large to be held, at each server that this machine has: it is rebuilt by commands, and these differ by version. */
import { describe, expect, it } from 'vitest';
import { compare } from '../support/compare.ts';
import { Naru } from '../support/naru.ts';
import { Random } from '../support/random.ts';
import { RedisServer } from '../support/redis-server.ts';
import { cachedServers } from '../support/servers.ts';

/** Entries that are gone and still pending: the first of a node, one inside of it, and such that went to another consumer. */
async function fillStream(server: RedisServer): Promise<void> {
  // Random text: what LZF shortens would not be large.
  const random = new Random(1);
  await server.pipeline(random.times(2000, (i) => ['XADD', 'large', `1-${i + 1}`, 'field', random.text(60)]));
  await server.pipeline([
    ['XGROUP', 'CREATE', 'large', 'g', '0'],
    ['XREADGROUP', 'GROUP', 'g', 'ann', 'COUNT', 300, 'STREAMS', 'large', '>'],
    ['XREADGROUP', 'GROUP', 'g', 'bob', 'COUNT', 10, 'STREAMS', 'large', '>'],
    ['XCLAIM', 'large', 'g', 'bob', 0, '1-1', '1-2', '1-70'],
    ['XDEL', 'large', '1-1', '1-70', '1-150', '1-305', '1-1999'],
  ]);
}

async function copied(binary: string): Promise<string[]> {
  const servers = await Promise.all([RedisServer.start({ binary }), RedisServer.start({ binary })]);
  const [source, target] = servers;
  try {
    await fillStream(source);
    const addresses = ['--from', source.url, '--to', target.url];
    const naru = await Naru.run([
      'sync',
      ...addresses,
      '--json',
      '--until-synced',
      '--big-key-size',
      '64KiB',
    ]);
    expect(naru.exit?.code, naru.stdout.slice(-1000)).toBe(0);
    return await compare(source, target);
  } finally {
    await Promise.all(servers.map((server) => server.stop()));
  }
}

describe('a large stream with pending entries of deleted messages', () => {
  for (const { name, binary } of cachedServers()) {
    it(`is the same at ${name}`, async () => {
      expect(await copied(binary)).toEqual([]);
    });
  }
});
