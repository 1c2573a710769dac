import { readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { AofCollector } from '../../../test/fuzz/aof-collect.ts';
import { aofServer, fillAof, nextSecond, rewriteAof } from '../../../test/support/aof.ts';
import { RedisServer } from '../../../test/support/redis-server.ts';
import { type DecodedEnd, decodeFile } from './decode-file.ts';
import { openFileSource } from './file-source.ts';

type Sent = (string | number | Buffer)[];

const servers: RedisServer[] = [];

afterEach(async () => {
  for (const server of servers.splice(0)) await server.stop();
});

async function started(server: Promise<RedisServer>): Promise<RedisServer> {
  servers.push(await server);
  return server;
}

interface Decoded {
  sink: AofCollector;
  end: DecodedEnd;
  parts: string[];
  /** what makes a server hold what was read; without what an RDB gave */
  commands: Sent[];
}

async function decode(path: string, until?: number): Promise<Decoded> {
  const sink = new AofCollector();
  const parts: string[] = [];
  const commands: Sent[] = [];
  const take = sink.command.bind(sink);
  sink.command = (command) => {
    take(command);
    commands.push(Array.from({ length: command.argc }, (_, i) => command.arg(i)));
  };
  const end = await decodeFile(await openFileSource(path), {
    sink,
    bigEntryBytes: 1e9,
    bigCommandBytes: 1e9,
    ...(until === undefined ? {} : { until }),
    partBegins: (part) => {
      parts.push(part.name);
      commands.push(['SELECT', 0]);
    },
    breathe: () => Promise.resolve(),
  });
  return { sink, end, parts, commands };
}

/** The digest of a server that was given the commands. */
async function digestOf(commands: Sent[]): Promise<string> {
  const server = await started(RedisServer.start());
  await server.pipeline(commands);
  return server.digest();
}

const folder = (server: RedisServer): string => join(server.dir, 'appendonlydir');

/** Stops a server as a crash does while it rewrites its AOF, so that its increments stay two. */
async function crashInRewrite(server: RedisServer): Promise<void> {
  await server.call('CONFIG', 'SET', 'rdb-key-save-delay', '10000000');
  await server.call('BGREWRITEAOF');
  await fillAof(server, 3);
  await server.call('CONFIG', 'SET', 'rdb-key-save-delay', '0');
}

/** How often the files tell a time (keys and values hold "#TS:1"): the server does so in each second with writes, so it depends on its pace. */
const annotationsIn = (dir: string): number =>
  readdirSync(dir)
    .filter((name) => name.endsWith('.aof'))
    .reduce(
      (sum, name) => sum + (readFileSync(join(dir, name), 'latin1').match(/^#TS:\d{10}\r$/gm)?.length ?? 0),
      0,
    );

describe('decodeFile', () => {
  it('gives all that several increments hold, in order', async () => {
    const server = await started(aofServer({ 'aof-use-rdb-preamble': 'no' }));
    await fillAof(server, 1);
    await rewriteAof(server);
    await fillAof(server, 2);
    await crashInRewrite(server);
    const digest = await server.digest();
    await server.kill();
    const { end, parts, commands } = await decode(server.dir);
    expect(parts).toEqual([
      'appendonly.aof.2.base.aof',
      'appendonly.aof.2.incr.aof',
      'appendonly.aof.3.incr.aof',
    ]);
    expect(end.end).toMatchObject({ truncated: false, stoppedAt: undefined, unfinished: undefined });
    expect(await digestOf(commands)).toBe(digest);
  });

  it('goes on behind an RDB as the base', async () => {
    const server = await started(aofServer());
    await fillAof(server, 1);
    await rewriteAof(server);
    const keys = await server.info('keyspace');
    await fillAof(server, 2);
    const { sink, parts, commands } = await decode(folder(server));
    expect(parts).toEqual(['appendonly.aof.2.base.rdb', 'appendonly.aof.2.incr.aof']);
    const expected = [...keys.values()].reduce((sum, line) => sum + Number(/keys=(\d+)/.exec(line)?.[1]), 0);
    expect(sink.entries.entries).toHaveLength(expected);
    expect(commands.filter(([name]) => String(name) === 'INCR')).toHaveLength(1);
  });

  it('goes back to a time, across files', async () => {
    const server = await started(aofServer({ 'aof-use-rdb-preamble': 'no', 'aof-timestamp-enabled': 'yes' }));
    await fillAof(server, 1);
    const first = { digest: await server.digest(), second: await nextSecond(server) };
    await fillAof(server, 2);
    const second = { digest: await server.digest(), second: await nextSecond(server) };
    await crashInRewrite(server);
    await server.kill();
    for (const { digest, second: until } of [first, second]) {
      const { end, commands } = await decode(folder(server), until);
      expect(end.end).toMatchObject({ stoppedAt: expect.any(Number), unfinished: undefined });
      expect(await digestOf(commands)).toBe(digest);
    }
    expect((await decode(folder(server), 4e9)).end).toMatchObject({
      end: { stoppedAt: undefined },
      timestamps: annotationsIn(folder(server)),
    });
  });

  it.each(['yes', 'no'])('refuses a time before the base (RDB: %s)', async (preamble) => {
    const config = { 'aof-use-rdb-preamble': preamble, 'aof-timestamp-enabled': 'yes' };
    const server = await started(aofServer(config));
    await fillAof(server, 1);
    const before = await nextSecond(server);
    await rewriteAof(server);
    await expect(decode(folder(server), before)).rejects.toMatchObject({
      code: 'UNTIL_TOO_EARLY',
      message: expect.stringMatching(/base.* begins at 2.*Z, and the state at 2.*Z was asked for/),
    });
  });

  it('takes a last file that breaks off, and refuses an earlier one', async () => {
    const server = await started(aofServer({ 'aof-use-rdb-preamble': 'no' }));
    await fillAof(server, 1);
    await crashInRewrite(server);
    await server.kill();
    const [first, last] = readdirSync(folder(server))
      .filter((name) => name.includes('.incr.'))
      .sort()
      .map((name) => join(folder(server), name)) as [string, string];
    const size = readFileSync(last).length;
    truncateSync(last, size - 5);
    const { end } = await decode(folder(server));
    expect(end.end).toMatchObject({ truncated: true, unfinished: undefined });
    expect(end.part.path).toBe(last);
    expect(readFileSync(last).subarray(end.end.validTo).toString()).toMatch(/^\*2\r\n\$3\r\nDEL/);
    truncateSync(first, readFileSync(first).length - 5);
    await expect(decode(folder(server))).rejects.toMatchObject({
      code: 'FILE_TRUNCATED',
      place: { node: first, offset: readFileSync(first).lastIndexOf('*2\r\n$3\r\nDEL') },
    });
  });

  it('names the file and the offset of damage', async () => {
    const server = await started(aofServer());
    await fillAof(server, 1);
    await rewriteAof(server);
    await fillAof(server, 2);
    const incr = join(folder(server), 'appendonly.aof.2.incr.aof');
    const bytes = readFileSync(incr);
    await server.kill();
    const at = bytes.indexOf('*3\r\n');
    bytes[at] = 0;
    writeFileSync(incr, bytes);
    await expect(decode(folder(server))).rejects.toMatchObject({
      code: 'BAD_FORMAT',
      place: { side: 'source', node: incr, offset: at },
      message: expect.stringContaining(`(good up to ${at})`),
    });
    const base = join(folder(server), 'appendonly.aof.2.base.rdb');
    truncateSync(base, 100);
    await expect(decode(folder(server))).rejects.toMatchObject({
      code: 'FILE_TRUNCATED',
      place: { node: base, offset: 100 },
    });
  });
});
