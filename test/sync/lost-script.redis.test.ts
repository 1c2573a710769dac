/**
 * Redis up to 4 sends EVALSHA to those of whom it thinks that they know the script. A target that has lost it (SCRIPT FLUSH, a failover)
 * refuses that, and nobody has the script's text: what it writes is copied. A source of that age is played.
 */
import { afterEach, expect, it } from 'vitest';
import { failSync, startSync } from '../support/failed-run.ts';
import { RedisServer } from '../support/redis-server.ts';
import { OFFSET, REPLID, rdb, SourceDouble, sizedSnapshot } from '../support/source-double.ts';
import { until } from '../support/until.ts';

let target: RedisServer | undefined;
let source: SourceDouble | undefined;
afterEach(async () => {
  await Promise.all([target?.stop(), source?.stop()]);
});

const frame = (text: string): string => {
  const args = text.split(' ');
  return `*${args.length}\r\n${args.map((arg) => `$${arg.length}\r\n${arg}\r\n`).join('')}`;
};
const bulk = (value: string | Buffer): Buffer =>
  Buffer.concat([Buffer.from(`$${value.length}\r\n`), Buffer.from(value), Buffer.from('\r\n')]);

const CALL = `EVALSHA ${'ab'.repeat(20)} 1`;

/** Answers the questions of a positioned read as a server would that stands at `offset` and has `value` at each key. */
function reads(
  value: Buffer,
  offset: () => number,
): (args: readonly string[]) => string | Buffer | undefined {
  let queued: Buffer[] | undefined;
  const info = (): Buffer => bulk(`master_replid:${REPLID}\r\nmaster_repl_offset:${offset()}\r\n`);
  const results: Record<string, () => Buffer> = {
    SELECT: () => Buffer.from('+OK\r\n'),
    DUMP: () => bulk(value),
    PEXPIRETIME: () => Buffer.from(':-1\r\n'),
    TIME: () => Buffer.from('*2\r\n$1\r\n0\r\n$1\r\n0\r\n'),
    INFO: info,
  };
  return ([name = '', section]) => {
    if (name === 'MULTI') queued = [];
    else if (name === 'EXEC') {
      const all = queued as Buffer[];
      queued = undefined;
      return Buffer.concat([Buffer.from(`*${all.length}\r\n`), ...all]);
    } else if (queued !== undefined) {
      queued.push((results[name] as () => Buffer)());
      return '+QUEUED\r\n';
    } else return name === 'INFO' && section === 'replication' ? info() : undefined;
    return '+OK\r\n';
  };
}

it('the keys of the call are copied, and the run goes on', async () => {
  target = await RedisServer.start();
  await target.call('SET', 'held', 42);
  const value = (await target.call('DUMP', 'held')) as Buffer;
  await target.call('DEL', 'held');
  const commands = ['SELECT 0', `${CALL} made 5`, 'INCR n', `${CALL} made 1`, `${CALL} other 1`, 'INCR n'];
  const stream = commands.map(frame).join('');
  source = await SourceDouble.start({
    version: '4.0.14',
    psync: (socket) => {
      socket.write(sizedSnapshot(rdb(8, Buffer.alloc(0))));
      socket.write(stream);
    },
    answer: reads(value, () => OFFSET + stream.length),
  });
  const naru = startSync(source.url, target.url);
  const server = target;
  await until('what comes behind the scripts', async () => (await server.text('GET', 'n')) === '2');
  await naru.untilEvent('synced');
  expect((await naru.stop()).code, naru.stdout).toBe(0);
  expect(await server.text('MGET', 'made', 'other', 'n')).toBe('42,42,2');
  const copied = naru.eventsOf('warning').filter(({ code }) => code === 'COMMAND_COPIED');
  expect(copied.map(({ message }) => message)).toEqual([expect.stringMatching(/NOSCRIPT.*EVALSHA of made/)]);
});

it('a target whose own keys are kept ends the run', async () => {
  target = await RedisServer.start();
  await target.call('SET', 'own', 1);
  source = await SourceDouble.start({
    version: '4.0.14',
    psync: (socket) => {
      socket.write(sizedSnapshot(rdb(8, Buffer.alloc(0))));
      socket.write(['SELECT 0', `${CALL} made 5`].map(frame).join(''));
    },
  });
  const error = await failSync(source.url, target.url, ['--on-conflict', 'skip']);
  expect(error).toMatchObject({ code: 'COMMAND_REFUSED', command: 'EVALSHA', key: 'made' });
});
