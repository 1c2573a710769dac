import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { sync } from '../../src/index.ts';
import { makeTempDir } from '../support/cleanup.ts';
import { compare } from '../support/compare.ts';
import { Random } from '../support/random.ts';
import type { Arg } from '../support/resp-client.ts';
import { BIG_TYPES, big } from './big.ts';
import { Rig } from './rig.ts';

const SMALL: Record<string, (value: string) => Arg[]> = {
  string: (value) => ['SET', 'k', value],
  integer: (value) => ['SET', 'k', value.length],
  list: (value) => ['RPUSH', 'k', value, 'common'],
  set: (value) => ['SADD', 'k', value, 'common'],
  zset: (value) => ['ZADD', 'k', 1, value, 2, 'common'],
  hash: (value) => ['HSET', 'k', 'f', value, value, 'g'],
  stream: (value) => ['XADD', 'k', `${value.length}-1`, 'f', value],
};

/** name -> commands that make the key `k` at the source */
const KEYS: [string, Arg[][]][] = [
  ...Object.entries(SMALL).map(([name, make]): [string, Arg[][]] => [name, [make('source')]]),
  ...BIG_TYPES.map((type): [string, Arg[][]] => [`large ${type}`, big(new Random(1), type, 'k', 150_000)]),
];
const TTL: Arg[] = ['PEXPIREAT', 'k', 4_000_000_000_000];
const OTHER_TTL: Arg[] = ['PEXPIREAT', 'k', 4_100_000_000_000];
const LIBRARY = (name: string, text: string): Arg[] => [
  'FUNCTION',
  'LOAD',
  `#!lua name=${name}\nredis.register_function('${name}_f', function() return '${text}' end)`,
];

/** each kind of key, with and without an expiry, against a key of the same and of another type */
const CASES = KEYS.flatMap(([name, make]) =>
  [false, true].flatMap((expires) =>
    ['same', 'other'].map((there): [string, Arg[][], Arg[][]] => {
      const type = name.replace('large ', '');
      const own = there === 'same' ? type : type === 'list' ? 'hash' : 'list';
      const target = [
        (SMALL[own] as (value: string) => Arg[])('of the target'),
        ...(expires ? [] : [OTHER_TTL]),
      ];
      const label = `${name}${expires ? ' with expiry' : ''}, a ${own} there`;
      return [label, [...make, ...(expires ? [TTL] : [])], target];
    }),
  ),
);

const ARGS = ['--until-synced', '--big-key-size', '64KiB'];

describe('a key that exists in the target', () => {
  let rig: Rig;
  const temp = makeTempDir();
  beforeAll(async () => {
    rig = await Rig.start();
  });
  afterAll(async () => {
    await rig.stop();
    temp.remove();
  });
  beforeEach(async () => {
    for (const server of [rig.source, rig.target])
      await server.pipeline([['FLUSHALL'], ['FUNCTION', 'FLUSH']]);
  });

  /** All cases at once, each in keys of its own: `k` becomes the case's label. */
  async function prepare(): Promise<void> {
    const named = (label: string, commands: Arg[][]): Arg[][] =>
      commands.map((args) => args.map((arg) => (arg === 'k' ? label : arg)));
    for (const [label, source, target] of CASES) {
      for (const reply of await rig.source.pipeline(named(label, source)))
        expect(reply).not.toBeInstanceOf(Error);
      for (const reply of await rig.target.pipeline(named(label, target)))
        expect(reply).not.toBeInstanceOf(Error);
    }
    await rig.source.pipeline([LIBRARY('lib', 'source'), LIBRARY('new', 'source'), ['SET', 'only', 1]]);
    await rig.target.pipeline([LIBRARY('lib', 'target')]);
  }

  it('is replaced: overwrite', async () => {
    await prepare();
    const naru = rig.naru([...ARGS, '--on-conflict', 'overwrite']);
    expect((await naru.exited).code, naru.stdout.slice(-2000)).toBe(0);
    expect(await compare(rig.source, rig.target, { ignore: () => false })).toEqual([]);
    expect(naru.eventsOf('done')[0]).toMatchObject({ keys: CASES.length + 1, skipped: 0 });
  });

  it('stays as it is, and is counted: skip', async () => {
    await prepare();
    const digests = async (): Promise<unknown> =>
      rig.target.pipeline(
        CASES.flatMap(([label]) => [
          ['DEBUG', 'DIGEST-VALUE', label],
          ['PEXPIRETIME', label],
        ]),
      );
    const before = await digests();
    const naru = rig.naru([...ARGS, '--on-conflict', 'skip']);
    expect((await naru.exited).code, naru.stdout.slice(-2000)).toBe(0);
    expect(await digests()).toEqual(before);
    expect(naru.eventsOf('done')[0]).toMatchObject({ keys: 1, skipped: CASES.length });
    expect(await rig.target.call('DBSIZE')).toBe(CASES.length + 1);
    const libraries = await rig.target.text('FUNCTION', 'LIST', 'WITHCODE');
    expect(libraries).toContain('of the target'.slice(-6));
    expect(libraries).toContain('new');
    expect(await rig.ownKeys()).toEqual([]);
  });

  it.each(CASES)('ends the run, and is not changed: fail, %s', async (_, source, target) => {
    await rig.source.pipeline(source);
    await rig.target.pipeline(target);
    const before = await rig.target.digest();
    // In this process: a hundred starts of the program would take most of the time.
    const ends = { from: rig.toSource.url, to: rig.toTarget.url, dir: temp.path };
    const run = sync({ ...ends, untilSynced: true, bigKeySize: '64 KiB', onConflict: 'fail' });
    await expect(run.result).rejects.toMatchObject({ code: 'KEY_EXISTS', place: { key: 'k' } });
    expect(await rig.target.digest()).toBe(before);
    expect(await rig.ownKeys()).toEqual([]);
  });

  it('ends the run: fail, a function library', async () => {
    await rig.source.pipeline([LIBRARY('lib', 'source')]);
    await rig.target.pipeline([LIBRARY('lib', 'target')]);
    const naru = rig.naru([...ARGS, '--on-conflict', 'fail']);
    expect((await naru.exited).code, naru.stdout).toBe(1);
    expect(naru.eventsOf('error').at(-1)).toMatchObject({ code: 'KEY_EXISTS' });
    expect(naru.stdout).toContain('lib');
    expect(await rig.target.text('FUNCTION', 'LIST', 'WITHCODE')).toContain('target');
  });

  it.each(['FLUSHALL', 'FLUSHDB'])('outlives a %s of the source: skip', async (flush) => {
    await rig.target.pipeline([['SET', 'own', 1]]);
    await rig.source.pipeline([['SET', 'a', 1]]);
    const naru = rig.naru(['--on-conflict', 'skip']);
    await naru.untilEvent('synced');
    await rig.source.call(flush);
    expect((await naru.exited).code).toBe(1);
    expect(naru.eventsOf('error').at(-1)).toMatchObject({ code: 'FLUSH_REFUSED' });
    expect(await rig.target.text('GET', 'own')).toBe('1');
    expect(await rig.ownKeys()).toEqual([]);
  });
});
