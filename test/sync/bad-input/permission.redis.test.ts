/** Passwords and permissions that do not do. The password is never in what is said. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { failSync, failureOf, startSync } from '../../support/failed-run.ts';
import { RedisServer } from '../../support/redis-server.ts';
import { entry, rdb, SourceDouble, sizedSnapshot } from '../../support/source-double.ts';

const PASSWORD = 'r1ght-s3cret';
const WRONG = 'wr0ng-s3cret';
const options = { secrets: [PASSWORD, WRONG] };

let source: RedisServer;
let target: RedisServer;
beforeAll(async () => {
  [source, target] = await Promise.all([RedisServer.start(), RedisServer.start()]);
  await source.pipeline([
    ['SET', 'k', 'v'],
    ['HSET', 'h', 'f', 'v'],
  ]);
  for (const server of [source, target])
    await server.call('ACL', 'SETUSER', 'full', 'on', `>${PASSWORD}`, '~*', '&*', '+@all');
});
afterAll(() => Promise.all([source.stop(), target.stop()]));

const as = (server: RedisServer, user: string, password = PASSWORD): string =>
  `redis://${user}:${password}@127.0.0.1:${server.port}`;

/** A user who may do all but what the rules take away. */
async function limited(server: RedisServer, name: string, ...rules: string[]): Promise<string> {
  await server.call('ACL', 'SETUSER', name, 'on', `>${PASSWORD}`, '~*', '&*', '+@all', ...rules);
  return as(server, name);
}

describe('log in', () => {
  it.each(['source', 'target'] as const)('wrong password at the %s', async (side) => {
    const from = side === 'source' ? as(source, 'full', WRONG) : source.url;
    const to = side === 'target' ? as(target, 'full', WRONG) : target.url;
    const error = await failSync(from, to, [], options);
    expect(error).toMatchObject({ code: 'AUTH_FAILED', side });
    expect(error.message).toContain('does not accept this user with this password');
  });

  it.each(['source', 'target'] as const)('no password where the %s wants one', async (side) => {
    const locked = await RedisServer.start();
    await locked.call('CONFIG', 'SET', 'requirepass', PASSWORD);
    const [from, to] = side === 'source' ? [locked.url, target.url] : [source.url, locked.url];
    const error = await failSync(from, to, [], options);
    expect(error).toMatchObject({ code: 'AUTH_FAILED', side, node: `127.0.0.1:${locked.port}` });
    expect(error.message).toContain('wants a password');
    await locked.stop();
  });

  it('a password where the server has none', async () => {
    const error = await failSync(`redis://:${PASSWORD}@127.0.0.1:${source.port}`, target.url, [], options);
    expect(error).toMatchObject({ code: 'AUTH_FAILED', side: 'source' });
    expect(error.message).toContain('server has none');
  });
});

describe('a user of the source', () => {
  it.each(['psync', 'replconf', 'info', 'ping'])('without %s', async (command) => {
    const from = await limited(source, `no-${command}`, `-${command}`);
    const error = await failSync(from, target.url, [], options);
    expect(error).toMatchObject({ code: 'NO_PERMISSION', side: 'source' });
    expect(error.message).toContain('NOPERM');
    expect(error.message).toContain(`'${command}'`);
    expect(await target.call('DBSIZE')).toBe(0);
  });
});

describe('a user of the target', () => {
  async function fail(name: string, ...rules: string[]) {
    const own = await RedisServer.start();
    const error = await failSync(source.url, await limited(own, name, ...rules), [], options);
    await own.stop();
    expect(error).toMatchObject({ code: 'NO_PERMISSION', side: 'target', node: `127.0.0.1:${own.port}` });
    expect(error.message).toContain('NOPERM');
    return error;
  }

  it('without info', async () => {
    expect((await fail('u', '-info')).message).toContain("'info'");
  });

  it('without restore: named with the key', async () => {
    const error = await fail('u', '-restore');
    expect(error.message).toContain("'restore'");
    expect(error).toMatchObject({ key: 'h', offset: expect.any(Number) });
  });

  it('without set: the checkpoint can not be written', async () => {
    const error = await fail('u', '-set');
    expect(error.message).toContain("'set'");
  });

  it('without a right to the checkpoint key', async () => {
    const error = await fail('u', 'resetkeys', '~k', '~h');
    expect(error.message).toMatch(/key/);
    expect(error.key).toMatch(/^naru:checkpoint:/);
  });

  it('without multi: said at the first command of the stream', async () => {
    const own = await RedisServer.start();
    const naru = startSync(source.url, await limited(own, 'u', '-multi'));
    await naru.untilEvent('snapshot_done');
    await source.call('SET', 'later', 1);
    const error = await failureOf(naru, options.secrets);
    expect(error).toMatchObject({ code: 'NO_PERMISSION', side: 'target' });
    expect(error.message).toContain("'multi'");
    await own.stop();
  });
});

describe('a source that offers no PSYNC', () => {
  let renamed: RedisServer;
  let none: RedisServer;
  beforeAll(async () => {
    [renamed, none] = await Promise.all([
      RedisServer.start({ args: ['--rename-command', 'PSYNC', 'xxxpsync'] }),
      RedisServer.start({ args: ['--rename-command', 'PSYNC', ''] }),
    ]);
    await renamed.call('SET', 'k', 'v');
  });
  afterAll(() => Promise.all([renamed.stop(), none.stop()]));

  it('disabled: says that there is no replication, and names the way without', async () => {
    const error = await failSync(none.url, target.url);
    expect(error).toMatchObject({ code: 'PSYNC_REFUSED', side: 'source', node: `127.0.0.1:${none.port}` });
    expect(error.message).toMatch(/offers no replication.*unknown command/);
    expect(error.advice).toContain('naru scan');
    expect(error.advice).toContain('--psync-command');
  });

  it('renamed, and not said so', async () => {
    const error = await failSync(renamed.url, target.url);
    expect(error).toMatchObject({ code: 'PSYNC_REFUSED', side: 'source' });
  });

  // Redis's own rename-command makes of PSYNC a SYNC; services that rename it keep what it does.
  it('renamed by the server itself, and said so: it has become SYNC, which is not enough', async () => {
    const error = await failSync(renamed.url, target.url, ['--psync-command', 'xxxpsync']);
    expect(error).toMatchObject({ code: 'PSYNC_REFUSED', side: 'source', node: `127.0.0.1:${renamed.port}` });
    expect(error.message).toMatch(/takes xxxpsync for the old SYNC.*not its position/);
    expect(error.advice).toContain('naru scan');
    expect(await target.call('DBSIZE')).toBe(0);
  });

  it('renamed as services do it, and said so: works', async () => {
    const own = await RedisServer.start();
    const snapshot = sizedSnapshot(rdb(10, entry(0, 'k', 'v')));
    const double = await SourceDouble.start({
      psyncCommand: 'xxxpsync',
      psync: (socket) => socket.write(snapshot),
    });
    const naru = startSync(double.url, own.url, ['--psync-command', 'xxxpsync', '--until-synced']);
    expect((await naru.exited).code, naru.stderr).toBe(0);
    expect(await own.text('GET', 'k')).toBe('v');
    await double.stop();
    await own.stop();
  });
});
