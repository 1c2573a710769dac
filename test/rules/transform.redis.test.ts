import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { acknowledged } from '../support/acknowledged.ts';
import { makeTempDir } from '../support/cleanup.ts';
import { compare } from '../support/compare.ts';
import { Naru } from '../support/naru.ts';
import { RedisServer } from '../support/redis-server.ts';
import { until } from '../support/until.ts';
import { Writer } from '../support/writers.ts';
import { applyModel } from './model.ts';

const temp = makeTempDir();
const servers: RedisServer[] = [];
const runs: Naru[] = [];
async function start(): Promise<RedisServer> {
  const server = await RedisServer.start();
  servers.push(server);
  return server;
}
afterEach(async () => {
  for (const naru of runs.splice(0)) if (naru.exit === undefined) await naru.stop('SIGKILL');
  for (const server of servers.splice(0)) await server.stop();
});

let count = 0;
function sync(source: RedisServer, target: RedisServer, code: string, args: readonly string[] = []): Naru {
  const path = join(temp.path, `rules-${++count}.mjs`);
  writeFileSync(path, code);
  const ends = ['--from', source.url, '--to', target.url, '--dir', join(temp.path, `spool-${count}`)];
  const naru = Naru.start(['sync', ...ends, '--json', '--transform', path, ...args]);
  runs.push(naru);
  return naru;
}

describe('a transform', () => {
  it('leaves in the target what its functions make of the source', async () => {
    const [source, target, expected] = [await start(), await start(), await start()];
    const keep = (commands: readonly unknown[][]): boolean => !commands.some(([name]) => name === 'FLUSHDB');
    const writer = new Writer(source, { seed: 5, rate: 2000, keep });
    await writer.start();
    await writer.until(2000);
    const naru = sync(
      source,
      target,
      `export const entry = ({ key, type, expireAtMs }) =>
         type === 'hash' ? false : key.toString('latin1').endsWith('3') && expireAtMs > 0 ? { expireAtMs: -1 } : undefined;
       export const rename = (key, db) => (db === 0 ? Buffer.concat([Buffer.from('t:'), key]) : undefined);`,
      ['--exclude-suffix', '4'],
    );
    await naru.untilEvent('snapshot_done');
    await writer.until(4000);
    await writer.stop();
    await acknowledged(naru, source);
    expect((await naru.stop()).code, naru.stderr).toBe(0);
    await applyModel(source, expected, ({ db, key, type, expireAtMs }) => {
      if (type === 'hash' || key.endsWith('4')) return undefined;
      return { key: db === 0 ? `t:${key}` : key, expireAtMs: key.endsWith('3') ? 0 : expireAtMs };
    });
    expect(await compare(expected, target)).toEqual([]);
  });

  it('is asked about commands', async () => {
    const [source, target] = [await start(), await start()];
    const naru = sync(
      source,
      target,
      `export const command = ({ name, args }) =>
         name === 'INCR' ? false : name === 'SET' ? { args: [args[0], args[1], 'changed'] } : true;`,
    );
    await naru.untilEvent('synced');
    await source.call('INCR', 'n');
    await source.call('SET', 'k', 'v');
    await source.call('RPUSH', 'l', 1);
    await until('the last is there', async () => (await target.call('EXISTS', 'l')) === 1);
    expect(String(await target.call('GET', 'k'))).toBe('changed');
    expect(await target.call('EXISTS', 'n')).toBe(0);
    expect((await naru.stop()).code, naru.stderr).toBe(0);
  });

  it.each([
    [
      'throws',
      'export const entry = () => { throw new Error("no") };',
      /TRANSFORM_FAILED.*entry failed: no/s,
    ],
    ['returns nonsense', 'export const entry = () => 5;', /entry failed: it returned number; allowed/],
    [
      'is not synchronous',
      'export const entry = async () => true;',
      /it returned a promise, and is to be synchronous/,
    ],
    ['never returns', 'export const entry = () => { for (;;); };', /entry did not return within/],
    ['is no module', 'export const entry = {', /CONFIG_INVALID.*can not be used/s],
    ['exports something else', 'export const entries = () => true;', /entries is none of the functions/],
  ])('that %s ends the run with a clear error', async (_, code, message) => {
    const [source, target] = [await start(), await start()];
    await source.call('SET', 'key', 'value');
    const naru = sync(source, target, code, ['--until-synced']);
    expect((await naru.exited).code).not.toBe(0);
    expect(naru.stdout + naru.stderr).toMatch(message);
    expect(await target.call('DBSIZE')).toBe(0);
  });

  it('counts what it leaves out and changes; `naru rules test` shows it, and writes nothing', async () => {
    const [source, target] = [await start(), await start()];
    await source.call('MSET', 'drop:1', 1, 'keep:1', 1, 'drop:2', 1, 'soon', 1);
    await source.call('SELECT', 1);
    await source.call('SET', 'other', 1);
    const code = `export const entry = ({ key }) =>
        key.includes('drop') ? false : key.includes('soon') ? { expireAtMs: Date.now() + 1e7 } : true;
      export const rename = (key) => (key.includes('keep') ? 'kept' : undefined);`;
    const naru = sync(source, target, code, ['--until-synced']);
    expect((await naru.exited).code, naru.stderr).toBe(0);
    const done = { rule: 'transform', dropped: 2, renamed: 1, ttl: 1 };
    expect(naru.eventsOf('rules').at(-1)?.rules).toEqual([done]);
    const path = join(temp.path, `rules-${count}.mjs`);
    const tried = await Naru.run([
      'rules',
      'test',
      '--from',
      source.url,
      '--transform',
      path,
      '--sample',
      '5',
    ]);
    expect(tried.stdout).toMatch(
      /rule transform: drops 2\n.*rule transform: renames 1\n.*changes the expiry of 1\n/s,
    );
  });

  it('that fails at some entries leaves those out and counts them, where that is wished', async () => {
    const [source, target] = [await start(), await start()];
    await source.call('MSET', 'bad:1', 1, 'good:1', 1, 'bad:2', 1);
    const code =
      'export const entry = ({ key }) => { if (key.toString().startsWith("bad")) throw new Error("no"); };';
    const naru = sync(source, target, code, ['--until-synced', '--transform-errors', 'skip']);
    expect((await naru.exited).code, naru.stderr).toBe(0);
    expect(naru.eventsOf('rules').at(-1)?.rejected).toBe(2);
    expect(String(await target.call('KEYS', '*'))).toBe('good:1');
  });
});
