/** `naru sync` by every way to reach a server: TLS with and without a client certificate, unix sockets, IPv6, users and passwords. */
import { writeFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { makeTempDir } from '../support/cleanup.ts';
import { Naru, type NaruOptions } from '../support/naru.ts';
import { RedisServer, type RedisServerOptions } from '../support/redis-server.ts';
import { makeTlsFiles } from '../support/tls.ts';

const tls = makeTlsFiles();
const temp = makeTempDir();
const servers: RedisServer[] = [];
const PASSWORD = 'p$a@ss/w#rd:%';

async function start(options: RedisServerOptions = {}): Promise<RedisServer> {
  const server = await RedisServer.start({
    ...options,
    config: { 'repl-diskless-sync-delay': '0', ...options.config },
  });
  servers.push(server);
  return server;
}

afterEach(async () => {
  for (const server of servers.splice(0)) await server.stop();
});
afterAll(() => {
  tls.remove();
  temp.remove();
});

/** Copies while a write comes later, and holds both sides to be equal and the password to be nowhere. */
async function copies(
  source: RedisServer,
  target: RedisServer,
  args: string[],
  options: NaruOptions = {},
): Promise<void> {
  await source.call('SET', 'k', 'v');
  await source.call('ZADD', 'z', '1.5', 'm');
  const naru = Naru.start(
    ['sync', '--json', '--until-synced', '--dir', join(temp.path, 'spool'), ...args],
    options,
  );
  const { code } = await naru.exited;
  expect(code, naru.stderr).toBe(0);
  expect(await target.digest()).toBe(await source.digest());
  expect(naru.stdout + naru.stderr).not.toContain(PASSWORD);
}

describe('naru sync', () => {
  it('over TLS on both sides, verified by a CA', async () => {
    const [source, target] = [await start({ tls }), await start({ tls })];
    await copies(source, target, ['--from', source.url, '--to', target.url, '--tls-ca', tls.caFile]);
  });

  it('with a client certificate, asked for by the source only', async () => {
    const [source, target] = [await start({ tls: { ...tls, clientAuth: true } }), await start()];
    const certificate = ['--from-tls-cert', tls.clientCertFile, '--from-tls-key', tls.clientKeyFile];
    const args = ['--from', source.url, '--to', target.url, '--from-tls-ca', tls.caFile, ...certificate];
    await copies(source, target, args);
  });

  it('does not trust a certificate that nobody vouches for, unless it is told to, loudly', async () => {
    const [source, target] = [await start({ tls }), await start()];
    const args = ['--from', source.url, '--to', target.url];
    const refused = await Naru.run(['sync', '--json', '--until-synced', ...args]);
    expect(refused.exit?.code).toBe(1);
    expect(refused.eventsOf('error')[0]?.code).toBe('TLS_FAILED');
    await copies(source, target, [...args, '--tls-insecure']);
    const loud = await Naru.run([
      'sync',
      '--json',
      '--until-synced',
      '--on-conflict',
      'overwrite',
      '--tls-insecure',
      ...args,
    ]);
    expect(loud.stderr).toContain('WARNING: --tls-insecure');
  });

  it('through unix sockets', async () => {
    const [source, target] = [await start({ unixSocket: true }), await start({ unixSocket: true })];
    await copies(source, target, [
      '--from',
      `unix://${source.socketPath}`,
      '--to',
      `unix://${target.socketPath}`,
    ]);
  });

  const hasIpv6 = Object.values(networkInterfaces()).some((all) => all?.some((one) => one.address === '::1'));
  it.skipIf(!hasIpv6)('over IPv6', async () => {
    const bind = { bind: '127.0.0.1 ::1' };
    const [source, target] = [await start({ config: bind }), await start({ config: bind })];
    await copies(source, target, ['--from', `redis://[::1]:${source.port}`, '--to', `[::1]:${target.port}`]);
  });

  it('as an ACL user at the source, and with a password at the target, by environment and by file', async () => {
    const [source, target] = [await start(), await start()];
    const rights = ['+ping', '+info', '+replconf', '+psync'];
    await source.call('ACL', 'SETUSER', 'copier', 'on', `>${PASSWORD}`, ...rights);
    await target.call('ACL', 'SETUSER', 'writer', 'on', `>${PASSWORD}`, '~*', '+@all');
    const file = join(temp.path, 'password');
    writeFileSync(file, `${PASSWORD}\n`, { mode: 0o600 });
    const users = ['--from-username', 'copier', '--to-username', 'writer', '--to-password-file', file];
    await copies(source, target, ['--from', source.url, '--to', target.url, ...users], {
      env: { NARU_FROM_PASSWORD: PASSWORD },
    });
  });
});
