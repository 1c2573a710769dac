/**
 * A target that is behind: what it expires meanwhile, by its own clock, must not make what comes later wrong. What the target is to hold is what the source does:
 * on a machine that stands still keys may expire there too. The tests wait most of the time, so they do it together.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it, type TestContext } from 'vitest';
import { makeTempDir } from '../support/cleanup.ts';
import { endsEqual } from '../support/ends-equal.ts';
import { Naru } from '../support/naru.ts';
import { FaultProxy, Reject } from '../support/proxy.ts';
import { RedisServer, type RedisServerOptions } from '../support/redis-server.ts';
import type { Arg, RespClient } from '../support/resp-client.ts';
import { cachedServers } from '../support/servers.ts';
import { until } from '../support/until.ts';

type OnFinished = TestContext['onTestFinished'];

async function start(onTestFinished: OnFinished, options: RedisServerOptions = {}): Promise<RedisServer> {
  const server = await RedisServer.start(options);
  onTestFinished(() => server.stop());
  return server;
}

function sync(onTestFinished: OnFinished, source: RedisServer, to: string): Naru {
  const temp = makeTempDir();
  onTestFinished(() => temp.remove());
  const naru = Naru.start(['sync', '--from', source.url, '--to', to, '--json', '--dir', temp.path]);
  onTestFinished(async () => {
    if (naru.exit === undefined) await naru.stop('SIGKILL');
  });
  return naru;
}

const COUNT = 20;
const LIFE_MS = 2500;
const each = (make: (i: number) => Arg[][]): Arg[][] =>
  Array.from({ length: COUNT }, (_, i) => make(i)).flat();

const begin: Arg[][] = each((i) => [
  ['HSET', `session:${i}`, 'user', i, 'since', 'long', 'last', 0],
  ['SET', `count:${i}`, 1000],
  ['SET', `text:${i}`, 'begin'],
  ['RPUSH', `list:${i}`, 'a', 'b', 'c'],
  ['ZADD', `zset:${i}`, 1, 'a', 2, 'b'],
  ['SADD', `set:${i}`, 'a', 'b'],
  ['XADD', `stream:${i}`, '1-1', 'f', 'v'],
  ['SET', `bytes:${i}`, 'abcdefgh'],
  ['HSET', `kept:${i}`, 'a', 1, 'b', 2],
  ['HSET', `short:${i}`, 'a', 1, 'b', 2],
  ['SET', `plain:${i}`, 0],
  ['PEXPIRE', `kept:${i}`, LIFE_MS],
  ['PEXPIRE', `short:${i}`, LIFE_MS],
]);
const VOLATILE = ['session', 'count', 'text', 'list', 'zset', 'set', 'stream', 'bytes'];

/** Each request changes its keys and gives them life. */
const request = (n: number, lifeMs: number): Arg[][] =>
  each((i) => [
    ['HSET', `session:${i}`, 'last', n],
    ['INCR', `count:${i}`],
    ['APPEND', `text:${i}`, `.${n}`],
    ['LPUSH', `list:${i}`, n],
    ['ZADD', `zset:${i}`, n, `m${n}`],
    ['SADD', `set:${i}`, n],
    ['XADD', `stream:${i}`, '*', 'n', n],
    ['SETRANGE', `bytes:${i}`, n % 8, 'X'],
    ['INCR', `plain:${i}`],
    ...VOLATILE.map((name) => ['PEXPIRE', `${name}:${i}`, lifeMs]),
  ]);

/** Writes requests, two a second, until it is stopped; in the end all keys get a long life, so that they can be compared. */
class Requests {
  #stopping = false;
  #running: Promise<void> = Promise.resolve();
  #client: RespClient | undefined;
  n = 0;

  async start(source: RedisServer): Promise<void> {
    this.#client = await source.connect();
    await this.#client.pipeline(begin);
    await this.#client.pipeline(request(0, LIFE_MS));
    this.#running = this.#run(this.#client);
  }

  async #run(client: RespClient): Promise<void> {
    while (!this.#stopping) {
      await sleep(500);
      await client.pipeline(request(++this.n, LIFE_MS));
      // Just before these would have expired.
      if (this.n === 4) await client.pipeline(each((i) => [['PERSIST', `kept:${i}`]]));
    }
    await client.pipeline(request(++this.n, 1_000_000));
    client.close();
  }

  stop(): Promise<void> {
    this.#stopping = true;
    return this.#running;
  }
}

async function expectWhole(
  naru: Naru,
  requests: Requests,
  source: RedisServer,
  target: RedisServer,
): Promise<void> {
  await requests.stop();
  await endsEqual(naru, source, target);
  for (let i = 0; i < COUNT; i++) {
    for (const key of [`session:${i}`, `kept:${i}`, `short:${i}`]) {
      expect(await target.text('HGETALL', key)).toBe(await source.text('HGETALL', key));
    }
    // It never expires.
    expect(await target.text('GET', `plain:${i}`)).toBe(String(requests.n + 1));
  }
}

describe.concurrent('keys that live on at the source while their time passes in the target', () => {
  it('are whole after the target hung', async ({ onTestFinished }) => {
    const source = await start(onTestFinished);
    const target = await start(onTestFinished);
    const requests = new Requests();
    const naru = sync(onTestFinished, source, target.url);
    await naru.untilEvent('synced');
    await requests.start(source);
    await sleep(700);
    await target.kill('SIGSTOP');
    await sleep(6000);
    await target.kill('SIGCONT');
    await sleep(1000);
    await expectWhole(naru, requests, source, target);
  });

  it('are whole after the target was cut off', async ({ onTestFinished }) => {
    const source = await start(onTestFinished);
    const target = await start(onTestFinished);
    const proxy = await FaultProxy.start(target);
    onTestFinished(() => proxy.stop());
    const requests = new Requests();
    const naru = sync(onTestFinished, source, proxy.url);
    await naru.untilEvent('synced');
    await requests.start(source);
    await sleep(700);
    proxy.use(Reject);
    proxy.cut();
    await sleep(6000);
    proxy.use(undefined);
    await sleep(1000);
    await expectWhole(naru, requests, source, target);
  });

  it('are whole also when what extends their life was sent in time, and run too late', async ({
    onTestFinished,
  }) => {
    const source = await start(onTestFinished);
    const target = await start(onTestFinished);
    const naru = sync(onTestFinished, source, target.url);
    await naru.untilEvent('synced');
    await source.pipeline(
      each((i) => [
        ['HSET', `h:${i}`, 'a', 1, 'b', 2],
        ['PEXPIRE', `h:${i}`, LIFE_MS],
        ['SET', `n:${i}`, 0],
      ]),
    );
    // The last one, which does not expire.
    await until('the keys are there', async () => (await target.call('EXISTS', `n:${COUNT - 1}`)) === 1);
    await target.kill('SIGSTOP');
    await source.pipeline(
      each((i) => [
        ['HSET', `h:${i}`, 'last', 1],
        [i % 2 === 0 ? 'PERSIST' : 'PEXPIRE', `h:${i}`, ...(i % 2 === 0 ? [] : [1_000_000])],
        ['SUNIONSTORE', `of:${i}`, 'none'],
        ['RENAME', `h:${i}`, `renamed:${i}`],
        ['COPY', `renamed:${i}`, `copied:${i}`],
        ['INCR', `n:${i}`],
      ]),
    );
    await sleep(LIFE_MS + 1000);
    await target.kill('SIGCONT');
    await endsEqual(naru, source, target);
    for (let i = 0; i < COUNT; i++) {
      expect(await target.text('HGETALL', `copied:${i}`)).toBe(await source.text('HGETALL', `copied:${i}`));
      expect(await target.text('GET', `n:${i}`)).toBe('1');
    }
  });

  it('are whole after a full copy that took longer than they had', async ({ onTestFinished }) => {
    const source = await start(onTestFinished, { config: { 'rdb-key-save-delay': '2000' } });
    const target = await start(onTestFinished);
    await source.pipeline(Array.from({ length: 3000 }, (_, i) => ['SET', `filler:${i}`, i]));
    const requests = new Requests();
    await requests.start(source);
    const naru = sync(onTestFinished, source, target.url);
    const { ms } = await naru.untilEvent('snapshot_done');
    expect(ms).toBeGreaterThan(2 * LIFE_MS);
    await sleep(1000);
    await expectWhole(naru, requests, source, target);
  });
});

const withFields = cachedServers().filter(({ name }) => /^(redis-8|valkey-9)/.test(name));
describe.concurrent.each(withFields)('fields that live on at the source, $name', ({ binary }) => {
  it('are whole after the target hung', async ({ onTestFinished }) => {
    const source = await start(onTestFinished, { binary });
    const target = await start(onTestFinished, { binary });
    const naru = sync(onTestFinished, source, target.url);
    await naru.untilEvent('synced');
    const change = (n: number, lifeMs: number): Arg[][] =>
      each((i) => [
        ['HINCRBY', `hash:${i}`, 'count', 1],
        ['HSET', `hash:${i}`, 'last', n],
        ['HPEXPIRE', `hash:${i}`, lifeMs, 'FIELDS', 2, 'count', 'still'],
      ]);
    await source.pipeline(
      each((i) => [
        ['HSET', `hash:${i}`, 'count', 1000, 'still', 'here', 'gone', 1],
        ['HPEXPIRE', `hash:${i}`, LIFE_MS, 'FIELDS', 1, 'gone'],
      ]),
    );
    for (let n = 0; n < 14; n++) {
      await source.pipeline(change(n, LIFE_MS));
      if (n === 1) await target.kill('SIGSTOP');
      if (n === 12) await target.kill('SIGCONT');
      await sleep(500);
    }
    await source.pipeline(change(14, 1_000_000));
    await endsEqual(naru, source, target);
    for (let i = 0; i < COUNT; i++) {
      // Valkey sends the new value of such a count, so that the count alone would not show it.
      for (const field of ['count', 'still', 'gone']) {
        expect(await target.text('HGET', `hash:${i}`, field)).toBe(
          await source.text('HGET', `hash:${i}`, field),
        );
      }
    }
  });
});

const old = cachedServers().find(({ name }) => name === 'redis-6.0');
describe.runIf(old !== undefined)('a source that sends relative times', { concurrent: true }, () => {
  it('has its stream held back behind a slow snapshot, and its times to live are right all the same', async ({
    onTestFinished,
  }) => {
    const source = await start(onTestFinished, {
      binary: old?.binary as string,
      config: { 'rdb-key-save-delay': '2000' },
    });
    const target = await start(onTestFinished);
    const filler = Array.from({ length: 2000 }, (_, i) => ['SET', `filler:${i}`, i]);
    await source.pipeline([...filler, ['SET', 'expire', 1], ['HSET', 'hash', 'a', 1, 'b', 2]]);
    const naru = sync(onTestFinished, source, target.url);
    await naru.untilEvent('started');
    await sleep(500);
    const early: Arg[][] = [
      ['EXPIRE', 'expire', 100],
      ['PEXPIRE', 'hash', 100_000],
      ['SETEX', 'setex', 100, 'v'],
      ['SET', 'set', 'v', 'EX', 100],
      ['SETEX', 'large', 100, 'v'.repeat(2_000_000)],
    ];
    const begun = performance.now();
    await source.pipeline(early);
    await naru.untilEvent('synced');
    const heldMs = performance.now() - begun;
    await source.pipeline([
      ['SET', 'later', 'v', 'EX', 100],
      ['SETEX', 'later too', 100, 'v'],
    ]);
    const keys = ['expire', 'hash', 'setex', 'set', 'large', 'later', 'later too'];
    await until('the last one', async () => (await target.call('EXISTS', 'later too')) === 1);
    for (const key of keys) {
      const [ours, theirs] = await Promise.all([target.call('PTTL', key), source.call('PTTL', key)]);
      // Counted from when it was applied, an early one would be late by all of the time in which it was held back.
      const late = Math.abs(Number(ours) - Number(theirs));
      expect(late, `${key}, held back for ${heldMs} ms`).toBeLessThan(Math.max(heldMs / 2, 2000));
    }
    await naru.stop();
  });
});
