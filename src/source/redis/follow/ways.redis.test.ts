/** What each way tells, on real servers of all versions that this machine has. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { followerAt, Hearer } from '../../../../test/support/followers.ts';
import { clientOf } from '../../../../test/support/newest-commands.ts';
import { FaultProxy, RespondSlowly } from '../../../../test/support/proxy.ts';
import { Random } from '../../../../test/support/random.ts';
import { RedisServer } from '../../../../test/support/redis-server.ts';
import type { Arg, RespClient } from '../../../../test/support/resp-client.ts';
import { cachedServers } from '../../../../test/support/servers.ts';
import { until } from '../../../../test/support/until.ts';
import { Writer } from '../../../../test/support/writers.ts';
import { askKeyTable } from '../../../pipeline/keys/by-server.ts';
import { WrittenKeys } from '../../../pipeline/keys/written-keys.ts';
import type { Follower, Way } from './follower.ts';

const DATABASES = 4;

interface Heard {
  readonly name: string;
  readonly way: Way;
  readonly follower: Follower;
  readonly hearer: Hearer;
}

let server: RedisServer;
let client: RespClient;
let ways: Heard[];

async function follow(name: string, way: Way, redirected = false): Promise<Heard> {
  const asking = await clientOf(server);
  const commandKeys = new WrittenKeys(await askKeyTable(asking));
  await asking.close();
  const hearer = new Hearer();
  const follower = followerAt(way, server.url, hearer, { commandKeys, redirected });
  await follower.start();
  expect(follower.doubts).toEqual([]);
  return { name, way, follower, hearer };
}

async function caughtUp(): Promise<void> {
  await Promise.all(ways.map(({ follower }) => follower.caughtUp()));
}

/** Of every key, by database and name: what it holds and until when. Of streams the entries alone: not all ways tell of groups. */
async function stateOf(): Promise<Map<string, State>> {
  const state = new Map<string, State>();
  for (let db = 0; db < DATABASES; db++) {
    await client.call('SELECT', db);
    const keys = (await client.call('KEYS', '*')) as Buffer[];
    if (keys.length === 0) continue;
    const replies = await client.pipeline(
      keys.flatMap((key) => [
        ['DUMP', key],
        ['PTTL', key],
        ['TYPE', key],
        ['DEBUG', 'DIGEST-VALUE', key],
      ]),
    );
    for (const [i, key] of keys.entries()) {
      const [dump, ttl, type, digest] = replies.slice(i * 4, i * 4 + 4);
      const untilMs = Number(ttl) < 0 ? Number.POSITIVE_INFINITY : Date.now() + Number(ttl);
      const held = type === 'stream' ? String(digest) : (dump as Buffer).toString('latin1');
      state.set(`${db}:${key.toString('latin1')}`, { untilMs, held });
    }
  }
  await client.call('SELECT', 0);
  return state;
}

interface State {
  untilMs: number;
  held: string;
}

/** All keys that expire do so in hours: what differs by less than a minute is the time that the questions took. */
function isSame(a: State | undefined, b: State | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  return a.held === b.held && (a.untilMs === b.untilMs || Math.abs(a.untilMs - b.untilMs) < 60_000);
}

async function settled(...commands: Arg[][]): Promise<void> {
  await client.pipeline(commands);
  await caughtUp();
  for (const { hearer } of ways) hearer.clear();
}

/** Its MONITOR can't be read. */
const UNREADABLE = 'valkey-8.1';

describe.each(cachedServers())('$name', ({ name: version, binary }) => {
  beforeAll(async () => {
    server = await RedisServer.start({ binary, config: { 'notify-keyspace-events': 'KA' } });
    client = await server.connect();
    ways = [
      await follow('tracking', 'tracking'),
      await follow('tracking, RESP2', 'tracking', true),
      await follow('keyspace', 'keyspace'),
    ];
    if (version !== UNREADABLE) ways.push(await follow('monitor', 'monitor'));
    else await expect(follow('monitor', 'monitor')).rejects.toMatchObject({ code: 'CHANGES_NOT_TOLD' });
  });
  afterAll(async () => {
    for (const { follower } of ways) await follower.stop();
    client.close();
    await server.stop();
  });

  it('tells each key that is changed by commands of all kinds', async () => {
    const keep = (commands: readonly Arg[][]): boolean =>
      !commands.some(([name]) => name === 'SWAPDB' || name === 'FLUSHDB');
    let changes = 0;
    let before = await stateOf();
    for (let round = 0; round < 15; round++) {
      await settled();
      const writer = new Writer(server, { seed: round, batch: 20, databases: DATABASES, keep });
      await writer.start();
      await writer.until(20);
      await writer.stop();
      await caughtUp();
      const told = ways.map(({ hearer }) => ({ dirty: new Set(hearer.dirty), unsure: [...hearer.unsure] }));
      const after = await stateOf();
      for (const place of new Set([...before.keys(), ...after.keys()])) {
        if (isSame(before.get(place), after.get(place))) continue;
        changes++;
        const key = place.slice(place.indexOf(':') + 1);
        for (const [i, { name }] of ways.entries()) {
          const { dirty } = told[i] as { dirty: Set<string> };
          expect([round, name, place, dirty.has(place) || dirty.has(`*:${key}`)]).toEqual([
            round,
            name,
            place,
            true,
          ]);
        }
      }
      for (const { unsure } of told) expect(unsure).toEqual([]);
      before = after;
    }
    expect(changes).toBeGreaterThan(100);
  });

  it('takes keys of any bytes', async () => {
    const keys = [
      Buffer.from('a__:b@1'),
      Buffer.from([0, 13, 10, 34, 92, 255]),
      Buffer.from(''),
      Buffer.alloc(40_000, 'k'),
    ];
    await settled(['SELECT', 3]);
    await client.pipeline([['SELECT', 3], ...keys.map((key) => ['SET', key, '1'])]);
    await caughtUp();
    for (const { name, hearer } of ways)
      expect([name, keys.filter((key) => !hearer.has(3, key.toString('latin1')))]).toEqual([name, []]);
    await client.call('SELECT', 0);
  });

  it.each([
    ['FLUSHALL', [['FLUSHALL']], 'FLUSHALL'],
    ['FLUSHDB', [['FLUSHDB', 'ASYNC']], 'FLUSHDB'],
    ['a flush by a script', [['EVAL', "redis.call('FLUSHDB')", 0]], 'FLUSHDB'],
    ['SWAPDB', [['SWAPDB', 0, 1]], 'SWAPDB'],
  ])('says of %s that it is unsure', async (_, commands, word) => {
    await settled(['SET', 'a', 1]);
    await client.pipeline(commands);
    await caughtUp();
    for (const { name, hearer } of ways)
      expect([name, hearer.unsure]).toEqual([name, [expect.stringContaining(word)]]);
  });

  it('tells what happens by itself', async () => {
    const blocked = await server.connect();
    const served = blocked.call('BRPOPLPUSH', 'from', 'to', 0);
    await until('blocked', async () => (await server.info('clients')).get('blocked_clients') === '1');
    // So it expires when it is looked at, and not before.
    await client.call('DEBUG', 'SET-ACTIVE-EXPIRE', 0);
    await settled(['FLUSHALL'], ['SET', 'gone', 1, 'PX', 1], ['RPUSH', 'to', 0]);
    await until('it to expire', async () => (await client.call('EXISTS', 'gone')) === 0);
    await client.call('DEBUG', 'SET-ACTIVE-EXPIRE', 1);
    await client.call('RPUSH', 'from', 1, 2);
    await served;
    blocked.close();
    await caughtUp();
    for (const { name, way, hearer } of ways) {
      expect([name, hearer.has(0, 'from')]).toEqual([name, true]);
      // MONITOR shows neither: the command was shown when it was sent, and expiry is none.
      expect([name, hearer.has(0, 'to'), hearer.has(0, 'gone')]).toEqual([
        name,
        way !== 'monitor',
        way !== 'monitor',
      ]);
    }
  });

  it.each([
    3, 2,
  ])('tells what was changed in one turn of the event loop with the question: RESP%i', async (resp) => {
    // Without INFO there are but pings on the connection; and what comes in few bytes at a time can't come all at once.
    await client.call('ACL', 'SETUSER', 'blind', 'on', 'nopass', '~*', '+@all', '-info');
    // Redis 6.0 has no permissions of channels.
    await client.pipeline([['ACL', 'SETUSER', 'blind', '&*']]);
    const proxy = await FaultProxy.start(server);
    const hearer = new Hearer();
    const follower = followerAt('tracking', `redis://blind:x@${proxy.host}:${proxy.port}`, hearer, {
      redirected: resp === 2,
    });
    await follower.start();
    const writer = await server.connect();
    proxy.use(RespondSlowly(250));
    // What has arrived while it stands still the server reads in one turn.
    await server.kill('SIGSTOP');
    const written = writer.call('SET', 'x', 1);
    const before = proxy.passed['to-server'];
    const behind = follower.caughtUp();
    await until('the question', async () => proxy.passed['to-server'] > before);
    expect(hearer.has(0, 'x')).toBe(false);
    await server.kill('SIGCONT');
    await behind;
    expect(hearer.has(0, 'x')).toBe(true);
    await written;
    expect(hearer.events).toEqual([]);
    expect(follower.doubts).toEqual([expect.stringContaining('INFO')]);
    writer.close();
    await follower.stop();
    await proxy.stop();
  });

  it('waits while the server runs a script', async () => {
    await settled(['CONFIG', 'SET', 'lua-time-limit', 20]);
    const other = await server.connect();
    const ran = other.call('EVAL', "for i = 1, 200000 do redis.call('SET', 'k' .. (i % 10), i) end", 0);
    await caughtUp();
    await ran;
    await caughtUp();
    other.close();
    for (const { name, hearer } of ways)
      expect([name, hearer.has(0, 'k7'), hearer.events]).toEqual([name, true, []]);
  });
});

describe('caughtUp', () => {
  const WRITERS = 4;
  const BATCH = 50;

  it.each(cachedServers())('comes behind all that was changed before: $name', async ({ name, binary }) => {
    const threads = name === 'redis-6.0' ? '1' : '3';
    const keysOfEach = name === 'redis-7.0' ? 6_000 : 2_000;
    server = await RedisServer.start({
      binary,
      config: { 'notify-keyspace-events': 'KA', 'io-threads': threads },
    });
    client = await server.connect();
    for (const [way, redirected] of [
      ['tracking', false],
      ['tracking', true],
      ['keyspace', false],
      ['monitor', false],
    ] as const) {
      if (way === 'monitor' && name === UNREADABLE) continue;
      const told = Array.from({ length: WRITERS }, () => new Uint8Array(keysOfEach));
      const hearer = new Hearer();
      hearer.onDirty = (_db, buf, start, end) => {
        const [writer, key] = buf.toString('latin1', start, end).split(':').map(Number) as [number, number];
        (told[writer] as Uint8Array)[key] = 1;
      };
      const follower = followerAt(way, server.url, hearer, { redirected });
      await follower.start();
      /** of each writer: keys that are written for sure */
      const written = told.map(() => 0);
      const writers = written.map(async (_, writer) => {
        const connection = await server.connect();
        for (let from = 0; from < keysOfEach; from += BATCH) {
          const batch = Array.from({ length: BATCH }, (_, i) => ['SET', `${writer}:${from + i}`, 'v']);
          await connection.pipeline(batch);
          written[writer] = from + BATCH;
        }
        connection.close();
      });
      let writing = true;
      const done = Promise.all(writers).then(() => {
        writing = false;
      });
      const random = new Random(1);
      let rounds = 0;
      for (; writing; rounds++) {
        const before = [...written];
        await follower.caughtUp();
        for (const [writer, count] of before.entries())
          expect((told[writer] as Uint8Array).subarray(0, count).indexOf(0)).toBe(-1);
        for (let i = random.int(5); i > 0; i--) await new Promise(setImmediate);
      }
      await done;
      await follower.caughtUp();
      expect(told.map((keys) => keys.indexOf(0))).toEqual(told.map(() => -1));
      expect(rounds).toBeGreaterThan(0);
      expect(hearer.events).toEqual([]);
      await follower.stop();
    }
    client.close();
    await server.stop();
  });
});
