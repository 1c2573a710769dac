/** Row 20: the types of Redis 7.4 and 8 (24, 25) and of Valkey 9 (its 22): no "unknown type", and no field without its expiry. */
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { compare } from '../support/compare.ts';
import { Naru } from '../support/naru.ts';
import type { Reply } from '../support/reply-parser.ts';
import { cachedServers } from '../support/servers.ts';
import { Pair, WAYS } from './pair.ts';

const AT = 4_000_000_000_000;
const servers = cachedServers().filter(({ name }) => /^(redis-8|valkey-9)/.test(name));
let pair: Pair | undefined;
afterEach(async () => {
  await pair?.stop();
  pair = undefined;
});

/** `small` is a listpack, `hashtable` is none, `parts` is copied in parts; every third field ends, each at a time of its own. */
const SIZES: readonly [string, number][] = [
  ['small', 9],
  ['hashtable', 900],
  ['parts', 6000],
];
const PARTS = ['--big-key-size', '64KiB'];

async function fill(server: Pair['source']): Promise<void> {
  for (const [key, count] of SIZES) {
    const fields = Array.from({ length: count }, (_, i) => [`field ${i}`, `value ${i} ${'x'.repeat(20)}`]);
    await server.call('HSET', key, ...fields.flat());
    for (let i = 0; i < count; i += 3)
      await server.call('HPEXPIREAT', key, AT + i, 'FIELDS', 1, `field ${i}`);
  }
}

const timesOf = (server: Pair['source'], key: string, count: number): Promise<Reply> =>
  server.call('HPEXPIRETIME', key, 'FIELDS', count, ...Array.from({ length: count }, (_, i) => `field ${i}`));

describe.skipIf(servers.length === 0).each(servers.map(({ name, binary }) => [name, binary]))(
  '%s',
  (_name, binary) => {
    it.each(WAYS)('naru %s keeps when each field ends', async (way) => {
      pair = await Pair.start({ binary }, { binary });
      await fill(pair.source);
      const naru = await pair.copy(way, PARTS);
      expect(naru.exit?.code, naru.stderr).toBe(0);
      for (const [key, count] of SIZES) {
        const times = (await timesOf(pair.target, key, count)) as number[];
        expect(times).toEqual(await timesOf(pair.source, key, count));
        expect(times.filter((time) => time > 0)).toHaveLength(Math.ceil(count / 3));
      }
      expect(await compare(pair.source, pair.target)).toEqual([]);
    });

    it('naru decode tells when each field ends', async () => {
      pair = await Pair.start({ binary });
      await fill(pair.source);
      await pair.source.call('SAVE');
      const naru = await Naru.run(['decode', join(pair.source.dir, 'dump.rdb'), '--format', 'commands']);
      expect(naru.exit?.code, naru.stderr).toBe(0);
      for (const [key, count] of SIZES) {
        expect(naru.stdout).toContain(key);
        expect(naru.stdout).toContain(String(AT + Math.floor((count - 1) / 3) * 3));
      }
    });
  },
);
