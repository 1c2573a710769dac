/** A scan of one server into another: what is copied, what ends it, and what it survives. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { makeTempDir } from '../support/cleanup.ts';
import { compare } from '../support/compare.ts';
import { fill } from '../support/fill.ts';
import { Naru } from '../support/naru.ts';
import { CutAfterBytes, FaultProxy } from '../support/proxy.ts';
import { RedisServer } from '../support/redis-server.ts';
import { until } from '../support/until.ts';

const temp = makeTempDir();
let source: RedisServer;
let target: RedisServer;
let folders = 0;

beforeAll(async () => {
  source = await RedisServer.start();
  target = await RedisServer.start();
});
afterEach(async () => {
  await target.call('FLUSHALL');
  await target.call('FUNCTION', 'FLUSH');
});
afterAll(async () => {
  await source.stop();
  await target.stop();
  temp.remove();
});

const folder = (): string => join(temp.path, String(folders++));

function start(to: string, options: string[] = [], from: string = source.url): Naru {
  return Naru.start([
    'scan',
    '--from',
    from,
    '--to',
    to,
    '--json',
    '--progress-interval',
    '20ms',
    '--dir',
    folder(),
    ...options,
  ]);
}

async function run(...options: string[]): Promise<Naru> {
  const naru = start(target.url, options);
  await naru.exited;
  return naru;
}

async function equal(ttlToleranceMs = 2000): Promise<void> {
  expect(await compare(source, target, { ttlToleranceMs })).toEqual([]);
}

/** The state of a run that can be resumed says where. */
function hasPlace(dir: string): boolean {
  const name = readdirSync(dir).find((file) => file.endsWith('.scan.json'));
  if (name === undefined) return false;
  const { links } = JSON.parse(readFileSync(join(dir, name), 'utf8')) as { links: object };
  return Object.keys(links).length > 0;
}

describe('all types, expiries and databases', () => {
  beforeAll(async () => {
    await source.call('FLUSHALL');
    await fill(source, 6000, { databases: 3 });
    await source.call('SET', 'empty', '');
    await source.call('SET', 'long'.repeat(500), 'x'.repeat(300_000));
  });

  it('arrive', async () => {
    const naru = await run();
    expect(naru.exit?.code, naru.stdout + naru.stderr).toBe(0);
    await equal();
    const [done] = naru.eventsOf('done');
    const [started] = naru.eventsOf('started');
    expect(started?.expectedKeys).toBe(done?.keys);
    expect([done?.expectedKeys, done?.readKeys]).toEqual([done?.keys, done?.keys]);
    expect(naru.eventsOf('warning')).toEqual([]);
    expect(done).toMatchObject({ skipped: 0, lost: 0, vanished: 0, lagBytes: 0 });
    expect(naru.eventsOf('progress').some(({ phase }) => phase === 'scan')).toBe(true);
    expect(await target.call('KEYS', 'naru:*')).toEqual([]);
  });

  it('arrive over connections to the source that are cut on the way', async () => {
    const proxy = await FaultProxy.start(source);
    // The first one comes whatever this process sees of the run.
    proxy.use(CutAfterBytes(500_000, 'to-client'));
    let cuts = 0;
    const options = [
      'scan',
      '--from',
      proxy.url,
      '--to',
      target.url,
      '--json',
      '--progress-interval',
      '20ms',
      '--count',
      '50',
    ];
    const naru = Naru.start([...options, '--rate-keys', '5000', '--dir', folder()], {
      onEvent: (event) => {
        if (event.event === 'progress' && event.phase === 'scan' && cuts < 4) {
          cuts++;
          proxy.cut();
        }
      },
    });
    expect(await naru.exited).toMatchObject({ code: 0 });
    expect(naru.eventsOf('error').length).toBeGreaterThan(0);
    expect(naru.eventsOf('done')[0]?.keys).toBe(naru.eventsOf('started')[0]?.expectedKeys);
    await equal();
    await proxy.stop();
  });

  it('arrive over connections to the target that are cut on the way, and are not counted twice', async () => {
    const proxy = await FaultProxy.start(target);
    proxy.use(CutAfterBytes(500_000, 'to-server'));
    let cuts = 0;
    const naru = Naru.start(
      [
        'scan',
        '--from',
        source.url,
        '--to',
        proxy.url,
        '--json',
        '--progress-interval',
        '20ms',
        '--rate-keys',
        '5000',
        '--on-conflict',
        'fail',
        '--dir',
        folder(),
      ],
      {
        onEvent: (event) => {
          if (event.event === 'progress' && event.phase === 'scan' && cuts < 3) {
            cuts++;
            proxy.cut();
          }
        },
      },
    );
    expect(await naru.exited, naru.stdout.slice(-2000)).toMatchObject({ code: 0 });
    expect(naru.eventsOf('error').length).toBeGreaterThan(0);
    await equal();
    await proxy.stop();
  });

  it('arrive after a kill, with --resume', async () => {
    const dir = folder();
    const options = [
      'scan',
      '--from',
      source.url,
      '--to',
      target.url,
      '--json',
      '--progress-interval',
      '20ms',
      '--dir',
      dir,
    ];
    const killed = Naru.start([...options, '--rate-keys', '500', '--count', '100']);
    await killed.untilEvent('progress', () => hasPlace(dir));
    await killed.stop('SIGKILL');
    const refused = await Naru.run(options);
    expect(refused.eventsOf('error').at(-1)).toMatchObject({ code: 'TARGET_NOT_EMPTY' });
    expect(refused.eventsOf('error').at(-1)?.message).toContain('--resume');
    const file = join(dir, 'keys');
    writeFileSync(file, 'key\n');
    for (const other of [
      ['--keys-file', file],
      ['--exclude-prefix', 'a'],
    ]) {
      const differs = await Naru.run([...options, '--resume', ...other]);
      expect(differs.eventsOf('error').at(-1)).toMatchObject({ code: 'CONFIG_INVALID' });
      expect(differs.eventsOf('error').at(-1)?.message).toContain('--keys-file or other rules');
    }
    const resumed = await Naru.run([...options, '--resume']);
    expect(resumed.exit?.code, resumed.stdout).toBe(0);
    expect(resumed.eventsOf('started')[0]?.resumed).toBe(true);
    expect(resumed.eventsOf('done')[0]?.keys).toBeLessThan(
      killed.eventsOf('started')[0]?.expectedKeys as number,
    );
    await equal();
    expect(readdirSync(dir).filter((name) => name.includes('.scan.json'))).toEqual([]);
  });

  it('are stopped by a signal, with what the target holds in the state', async () => {
    const dir = folder();
    const options = [
      'scan',
      '--from',
      source.url,
      '--to',
      target.url,
      '--json',
      '--progress-interval',
      '20ms',
      '--dir',
      dir,
    ];
    const stopped = Naru.start([...options, '--rate-keys', '500', '--count', '100']);
    await stopped.untilEvent('progress', ({ keys }) => keys > 300);
    expect(await stopped.stop('SIGINT')).toMatchObject({ code: 1 });
    expect(stopped.eventsOf('error').at(-1)).toMatchObject({ code: 'STOPPED_EARLY' });
    const resumed = await Naru.run([...options, '--resume', '--on-conflict', 'skip']);
    expect(resumed.exit?.code, resumed.stdout).toBe(0);
    await equal();
  });
});

describe('keys that exist', () => {
  beforeAll(async () => {
    await source.call('FLUSHALL');
    for (let i = 0; i < 300; i++) await source.call('SET', `key:${i}`, `source ${i}`);
  });

  it.each([
    ['skip', 'own', 0, 1],
    ['overwrite', 'source 7', 0, 0],
    ['fail', 'own', 1, 0],
  ] as const)('with %s', async (policy, value, code, skipped) => {
    await target.call('SET', 'key:7', 'own');
    const naru = await run('--on-conflict', policy);
    expect(naru.exit?.code, naru.stdout).toBe(code);
    expect(String(await target.call('GET', 'key:7'))).toBe(value);
    if (code === 0) expect(naru.eventsOf('done')[0]).toMatchObject({ skipped, keys: 300 - skipped });
    else expect(naru.eventsOf('error').at(-1)).toMatchObject({ code: 'KEY_EXISTS', key: 'key:7' });
  });

  it('are refused where nothing is said', async () => {
    await target.call('SET', 'mine', 1);
    const naru = await run();
    expect(naru.eventsOf('error').at(-1)).toMatchObject({ code: 'TARGET_NOT_EMPTY' });
  });

  it('of a file are copied alone, and those that are not there are counted', async () => {
    const file = join(temp.path, 'keys');
    writeFileSync(file, 'key:1\r\nkey:2\n\nnobody\nkey:299');
    const naru = await run('--keys-file', file);
    expect(naru.exit?.code, naru.stdout).toBe(0);
    expect(naru.eventsOf('done')[0]).toMatchObject({ keys: 3, vanished: 1 });
    expect(await target.call('DBSIZE')).toBe(3);
  });

  it('are read no faster than allowed', async () => {
    const naru = await run('--rate-keys', '100');
    expect(naru.eventsOf('done')[0]).toMatchObject({ keys: 300 });
    expect(naru.eventsOf('done')[0]?.ms).toBeGreaterThan(2800);
    await target.call('FLUSHALL');
    const bytes = await run('--rate-bytes', '4000');
    const done = bytes.eventsOf('done')[0];
    expect(done?.ms).toBeGreaterThan((((done?.bytes ?? 0) - 1000) / 4000) * 1000);
  });
});

/** The source does not give them: that is told. */
async function librariesAreMissed(naru: Naru): Promise<void> {
  expect(naru.eventsOf('warning').map(({ code }) => code)).toContain('FUNCTIONS_NOT_COPIED');
  expect(await target.call('FUNCTION', 'LIST')).toEqual([]);
  await source.call('FUNCTION', 'FLUSH');
}

describe('what a source does not allow', () => {
  const url = (): string => source.url.replace('redis://', 'redis://reader:secret@');

  it('is done without', async () => {
    await source.call('FLUSHALL');
    await fill(source, 400, { databases: 2 });
    await source.call(
      'ACL',
      'SETUSER',
      'reader',
      'reset',
      'on',
      '>secret',
      '~*',
      '+scan',
      '+dump',
      '+pttl',
      '+select',
      '+ping',
    );
    const naru = start(target.url, ['--from-topology', 'proxy'], url());
    expect(await naru.exited, naru.stdout).toMatchObject({ code: 0 });
    await librariesAreMissed(naru);
    // Without TIME expiries are as late as the answers come.
    await equal(10_000);
  });

  it('reads by the types of keys where there is no DUMP, and the large ones in parts over cuts at both sides', async () => {
    await source.call('FLUSHALL');
    await fill(source, 3000, { databases: 3, largeElements: 5000 });
    const large = Array.from({ length: 20_000 }, (_, i) => [`field ${i}`, 'v'.repeat(i % 200)]);
    for (let i = 0; i < large.length; i += 500) {
      await source.call('HSET', 'large', ...large.slice(i, i + 500).flat());
      await source.call('RPUSH', 'long', ...large.slice(i, i + 500).map(([, value]) => value as string));
    }
    await source.call('SET', 'text', 'text'.repeat(1_500_000), 'PX', 100_000_000);
    await source.call('ACL', 'SETUSER', 'reader', 'reset', 'on', '>secret', '~*', '+@read', ...MORE, '-dump');
    const before = await FaultProxy.start(source);
    const behind = await FaultProxy.start(target);
    before.use(CutAfterBytes(1_500_000, 'to-client'));
    behind.use(CutAfterBytes(1_500_000, 'to-server'));
    const from = before.url.replace('redis://', 'redis://reader:secret@');
    const naru = start(behind.url, ['--big-key-size', '1MiB'], from);
    let ended = false;
    void naru.exited.then(() => {
      ended = true;
    });
    try {
      // Once more, if there is time for it.
      await until('some bytes', async () => behind.passed['to-server'] > 3_000_000 || ended);
      behind.cut();
      expect(await naru.exited, naru.stdout).toMatchObject({ code: 0 });
      await librariesAreMissed(naru);
      expect(naru.eventsOf('warning').map(({ code }) => code)).toContain('READ_BY_TYPE');
      await equal(10_000);
      expect(naru.eventsOf('error').length).toBeGreaterThan(1);
      expect(await target.call('KEYS', 'naru:part*')).toEqual([]);
    } finally {
      await Promise.all([before.stop(), behind.stop()]);
    }
  });

  it('ends it where it can not', async () => {
    await source.call('ACL', 'SETUSER', 'reader', 'reset', 'on', '>secret', '~*', '+scan', ...MORE, '-dump');
    const naru = start(target.url, [], url());
    expect(await naru.exited).toMatchObject({ code: 1 });
    expect(naru.eventsOf('error').at(-1)).toMatchObject({ code: 'NO_PERMISSION' });
  });
});

const MORE = ['+select', '+ping', '+info', '+time', '+xinfo', '+xpending'];
