/** `naru decode --transform`: what the functions make of a file, in each of the forms. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { applyModel } from '../rules/model.ts';
import { aofServer } from '../support/aof.ts';
import { makeTempDir } from '../support/cleanup.ts';
import { compare } from '../support/compare.ts';
import { fill } from '../support/fill.ts';
import { RedisServer } from '../support/redis-server.ts';
import { type Line, linesOf, type Ran, run, runNaru } from './run.ts';

const temp = makeTempDir('decode-transform');
let source: RedisServer;
let rdb: string;

beforeAll(async () => {
  source = await aofServer({ 'aof-use-rdb-preamble': 'no' });
  await fill(source, 500, { seed: 8 });
  await source.pipeline([
    ['SELECT', 0],
    ['SET', 'in:text', 'v', 'PXAT', 4e12],
    ['HSET', 'in:hash', 'f', 'v'],
    ['RPUSH', 'in:large', ...Array.from({ length: 3000 }, (_, i) => `${i}`.repeat(300).slice(0, 900))],
    ['SET', 'out:text', 'v'],
    ['INCR', 'in:count'],
    ['INCR', 'in:count'],
    ['SAVE'],
  ]);
  rdb = join(source.dir, 'dump.rdb');
});
afterAll(async () => {
  await source?.stop();
  temp.remove();
});

let count = 0;
function decode(file: string, code: string, ...args: string[]): Promise<Ran> {
  const path = join(temp.path, `rules-${++count}.mjs`);
  writeFileSync(path, code);
  return runNaru(['decode', file, '--transform', path, ...args]);
}

/** Hashes and keys `out:` go, `in:` is `new:`, and what expires does so no more. */
const CODE = `
export const entry = ({ key, type, expireAtMs }) =>
  type === 'hash' || key.toString('latin1').startsWith('out:') ? false : expireAtMs > 0 ? { expireAtMs: -1 } : true;
export const rename = (key, db) =>
  db === 0 && key.toString('latin1').startsWith('in:') ? Buffer.concat([Buffer.from('new:'), key.subarray(3)]) : undefined;
export const command = ({ name, args }) =>
  name === 'HSET' || String(args[1]).startsWith('out:') ? false : name === 'INCR' ? { args: ['INCRBY', args[1], '10'] } : true;`;

const keysOf = (ran: Ran): Line[] => linesOf(ran).filter((line) => line.key !== undefined);

describe('naru decode --transform', () => {
  it('shows as JSON what the functions leave', async () => {
    const [plain, ran] = [await runNaru(['decode', rdb]), await decode(rdb, CODE)];
    expect([ran.code, ran.stderr]).toEqual([0, '']);
    const expected = keysOf(plain)
      .filter(({ key, type }) => type !== 'hash' && key !== 'out:text')
      .map(({ expireAtMs: _, ...line }) => {
        const isOurs = line.db === 0 && String(line.key).startsWith('in:');
        return isOurs ? { ...line, key: String(line.key).replace('in:', 'new:') } : line;
      });
    expect(keysOf(ran)).toEqual(expected);
    expect(expected.length).toBeGreaterThan(200);
    expect(expected.map(({ key }) => key)).toContain('new:large');
  });

  it('writes as commands what the functions leave', async () => {
    const ran = await decode(rdb, CODE, '--format', 'commands');
    expect([ran.code, ran.stderr]).toEqual([0, '']);
    const [made, expected] = [await RedisServer.start(), await RedisServer.start()];
    try {
      const piped = await run('redis-cli', ['-h', made.host, '-p', String(made.port), '--pipe'], ran.stdout);
      expect([piped.code, piped.stdout.toString()]).toEqual([0, expect.stringContaining('errors: 0')]);
      await applyModel(source, expected, ({ db, key, type }) => {
        if (type === 'hash' || key.startsWith('out:')) return undefined;
        return { key: db === 0 ? key.replace(/^in:/, 'new:') : key, expireAtMs: 0 };
      });
      expect(await compare(expected, made)).toEqual([]);
    } finally {
      await made.stop();
      await expected.stop();
    }
  });

  it('counts what the functions leave', async () => {
    const ran = await decode(rdb, CODE, '--format', 'summary', '--json');
    expect([ran.code, ran.stderr]).toEqual([0, '']);
    const shown = keysOf(await decode(rdb, CODE));
    const summary = JSON.parse(ran.stdout.toString()) as { keys: { count: number } };
    expect(summary.keys.count).toBe(shown.length);
    expect(JSON.stringify(summary)).not.toMatch(/"(hash|in:?|out:?)"/);
    expect(JSON.stringify(summary)).toMatch(/"new:/);
  });

  it('asks about the commands of an AOF', async () => {
    const ran = await decode(source.dir, CODE);
    expect([ran.code, ran.stderr]).toEqual([0, '']);
    const commands = linesOf(ran).flatMap(({ command }) =>
      command === undefined ? [] : [command.map(String)],
    );
    expect(commands.filter(([name]) => name === 'INCRBY')).toContainEqual(['INCRBY', 'new:count', '10']);
    const keys = commands.map(([, key]) => key);
    expect(keys).toContain('new:large');
    expect(keys.some((key) => key?.startsWith('in:') || key?.startsWith('out:'))).toBe(false);
    expect(commands.some(([name]) => name === 'INCR' || name === 'HSET')).toBe(false);
  });

  it('ends where a function fails or does not return, or leaves that out and says so', async () => {
    const fails = `export const entry = ({ key }) => { if (String(key).startsWith('in:')) throw new Error('no'); };`;
    const ended = await decode(rdb, fails);
    expect(ended.code).toBe(1);
    expect(ended.stderr).toMatch(/TRANSFORM_FAILED.*entry failed: no/);
    const skipped = await decode(rdb, fails, '--transform-errors', 'skip');
    expect(skipped.code).toBe(0);
    expect(skipped.stderr).toMatch(/LEFT_OUT.*4 entries/s);
    expect(keysOf(skipped).length).toBe(keysOf(await runNaru(['decode', rdb])).length - 4);
    const hangs = await decode(rdb, 'export const entry = () => { for (;;); };');
    expect(hangs.code).toBe(1);
    expect(hangs.stderr).toMatch(/TRANSFORM_FAILED.*did not return within/);
  });
});
