/** Row 12: no value is ever in the target without its expiry. */
import { once } from 'node:events';
import { createConnection } from 'node:net';
import { afterEach, expect, it } from 'vitest';
import { compare } from '../support/compare.ts';
import { endsEqual } from '../support/ends-equal.ts';
import type { RedisServer } from '../support/redis-server.ts';
import type { Arg } from '../support/resp-client.ts';
import { until } from '../support/until.ts';
import { Pair, WAYS, type Way } from './pair.ts';

let pair: Pair;
afterEach(() => pair.stop());

/** What MONITOR tells, line by line: each command that ran, in its order, `"SET" "k" ...`. */
async function monitor(server: RedisServer): Promise<{ lines(): Promise<string[]> }> {
  const socket = createConnection({ host: server.host, port: server.port });
  let text = '';
  socket.on('data', (chunk: Buffer) => {
    text += chunk.toString('latin1');
  });
  socket.write('MONITOR\r\n');
  await once(socket, 'data');
  const lines = async (): Promise<string[]> => {
    await server.call('PING', 'the last one');
    await until('the monitor has told all', async () => text.includes('"PING" "the last one"'));
    socket.destroy();
    return text.split('\r\n').map((line) => line.slice(line.indexOf('] ') + 2));
  };
  return { lines };
}

const AT = 4_000_000_000_000;
const pad = 'x'.repeat(100);
const elements = Array.from({ length: 1000 }, (_, i) => `${i} ${pad}`);
const VOLATILE: Arg[][] = [
  ['SET', 'v:string', 'v', 'PXAT', AT],
  ['SET', 'v:integer', 12_345, 'PXAT', AT],
  ['RPUSH', 'v:list', 'a', 'b'],
  ['SADD', 'v:set', 'a', 'b'],
  ['HSET', 'v:hash', 'f', 'v'],
  ['ZADD', 'v:zset', 1, 'm'],
  ['XADD', 'v:stream', '1-1', 'f', 'v'],
  ['SET', 'v:large:string', pad.repeat(1000)],
  ['RPUSH', 'v:large:list', ...elements],
  ['HSET', 'v:large:hash', ...elements.flatMap((element) => [element, 'v'])],
];

/** In what ran at the target, the place of each key's first appearance under its own name says when it ends. */
function expectExpiries(lines: readonly string[], keys: readonly string[]): void {
  for (const key of keys) {
    const place = lines.findIndex((line) => line.includes(`"${key}"`));
    const line = lines[place] as string;
    if (/^"RENAME/.test(line)) {
      // Made in parts under another name: that has its expiry before it is renamed.
      const part = /^"RENAME(?:NX)?" ("[^"]+")/.exec(line)?.[1] as string;
      const expires = lines.findIndex((other) => other.startsWith(`"PEXPIREAT" ${part} "${AT}"`));
      expect(expires, key).toBeGreaterThan(-1);
      expect(expires, key).toBeLessThan(place);
    } else expect(line, key).toMatch(new RegExp(`"${AT}"`));
  }
}

it.each(WAYS)('naru %s: a full copy brings each value together with its expiry', async (way: Way) => {
  pair = await Pair.start();
  await pair.source.pipeline([
    ...VOLATILE,
    ...VOLATILE.map((command) => ['PEXPIREAT', command[1] as Arg, AT]),
    ['SET', 'eternal', 1],
  ]);
  const watch = await monitor(pair.target);
  const naru = await pair.copy(way, ['--big-key-size', '16KiB', '--on-conflict', 'overwrite']);
  expect(naru.exit?.code, naru.stderr).toBe(0);
  expectExpiries(
    await watch.lines(),
    VOLATILE.map((command) => String(command[1])),
  );
  expect(await compare(pair.source, pair.target, { ttlToleranceMs: 0 })).toEqual([]);
});

it('naru sync: a command that sets a value with an expiry is one command at the target, and its time does not move', async () => {
  pair = await Pair.start();
  const naru = pair.follow();
  await naru.untilEvent('synced');
  const watch = await monitor(pair.target);
  await pair.source.pipeline([
    ['SETEX', 'setex', 5000, 'v'],
    ['PSETEX', 'psetex', 5_000_000, 'v'],
    ['SET', 'ex', 'v', 'EX', 5000],
    ['SET', 'px', 'v', 'PX', 5_000_000],
    ['SET', 'exat', 'v', 'EXAT', AT / 1000],
    ['EVAL', "return redis.call('SETEX', KEYS[1], 5000, 'v')", 1, 'script'],
  ]);
  const keys = ['setex', 'psetex', 'ex', 'px', 'exat', 'script'];
  await endsEqual(naru, pair.source, pair.target);
  const lines = await watch.lines();
  for (const key of keys) {
    const line = lines.find((other) => other.includes(`"${key}"`));
    const at = Number(await pair.source.call('PEXPIRETIME', key));
    expect(line?.toLowerCase(), key).toBe(`"set" "${key}" "v" "pxat" "${at}"`);
    expect(await pair.target.call('PEXPIRETIME', key)).toBe(at);
  }
});
