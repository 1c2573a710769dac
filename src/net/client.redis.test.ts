import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RedisServer } from '../../test/support/redis-server.ts';
import { openClient, ServerError } from './client.ts';
import type { OpenOptions } from './connection.ts';
import { parseInfo } from './info.ts';
import { parseEndpoint } from './url.ts';

const OPTIONS: OpenOptions = { side: 'source', timeoutMs: 60_000 };

let server: RedisServer;
beforeAll(async () => {
  server = await RedisServer.start({ unixSocket: true });
  await server.call('ACL', 'SETUSER', 'ann', 'on', '>p$a@ss/w#rd:%', '~*', '+@all');
  await server.call('ACL', 'SETUSER', 'bob', 'on', '>plain', '~*', '+@all', '-ping');
  await server.call('ACL', 'SETUSER', 'cid', 'on', '>plain', '~*', '+@all', '-select', '-client');
  await server.call('ACL', 'SETUSER', 'dan', 'on', 'nopass', '~*', '+@all');
});
afterAll(() => server.stop());

const at = (user: string): string => `redis://${user}127.0.0.1:${server.port}`;

describe('openClient', () => {
  it('logs in, takes the database and gives its name', async () => {
    for (const user of ['ann:p$a@ss/w#rd:%@', 'ann:p%24a%40ss%2Fw%23rd%3A%25@']) {
      const client = await openClient(parseEndpoint(`${at(user)}/3`), {
        ...OPTIONS,
        clientName: 'naru-test',
      });
      expect(client.pending).toBe(0);
      expect(await client.call('ACL', 'WHOAMI')).toEqual(Buffer.from('ann'));
      const info = String(await client.call('CLIENT', 'INFO'));
      expect(info).toContain(' db=3 ');
      expect(info).toContain(' name=naru-test ');
      await client.close();
    }
    const withoutPassword = await openClient(parseEndpoint(at('dan@')), OPTIONS);
    await withoutPassword.close();
    const unix = await openClient(
      parseEndpoint(`unix://ann:p$a@ss/w#rd:%@${server.socketPath}?db=1`),
      OPTIONS,
    );
    expect(String(await unix.call('CLIENT', 'INFO'))).toContain('name=naru ');
    await unix.close();
  });

  it.each([
    ['ann:wr0ng@', 'AUTH_FAILED', 'The server does not accept this user with this password.'],
    [':wr0ng@', 'AUTH_FAILED', 'The address gives a password, but the server has none.'],
    ['ann@', 'AUTH_FAILED', 'The server does not accept this user with this password.'],
    ['bob:plain@', 'NO_PERMISSION', expect.stringContaining("'ping' command")],
  ])('refuses %s with %s', async (user, code, message) => {
    await expect(openClient(parseEndpoint(at(user)), OPTIONS)).rejects.toMatchObject({
      code,
      message,
      place: { side: 'source', node: `127.0.0.1:${server.port}` },
    });
  });

  it('goes on where CLIENT SETNAME is refused, and tells that SELECT is', async () => {
    const client = await openClient(parseEndpoint(at('cid:plain@')), OPTIONS);
    await client.close();
    await expect(openClient(parseEndpoint(`${at('cid:plain@')}/1`), OPTIONS)).rejects.toMatchObject({
      code: 'NO_PERMISSION',
    });
    await expect(openClient(parseEndpoint(`${at('')}/16`), OPTIONS)).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: 'Database 16 can not be selected: ERR DB index is out of range.',
    });
  });

  it('wants a password where the server does', async () => {
    const closed = await RedisServer.start({ config: { requirepass: '$ecr@t' } });
    const open = (user: string) =>
      openClient(parseEndpoint(`redis://${user}127.0.0.1:${closed.port}`), OPTIONS);
    await expect(open('')).rejects.toMatchObject({
      code: 'AUTH_FAILED',
      message: 'The server wants a password, and the address gives none.',
    });
    await expect(open(':$ecr@@')).rejects.toMatchObject({
      code: 'AUTH_FAILED',
      message: 'The server does not accept the password.',
    });
    await (await open(':$ecr@t@')).close();
    await (await open('default:$ecr@t@')).close();
    await closed.stop();
  });

  it('says that the server has no room', async () => {
    const full = await RedisServer.start();
    await full.call('CONFIG', 'SET', 'maxclients', 1);
    const open = (side: 'source' | 'target') => openClient(parseEndpoint(full.url), { ...OPTIONS, side });
    await expect(open('source')).rejects.toMatchObject({ code: 'UNREACHABLE', retry: true });
    await expect(open('target')).rejects.toMatchObject({ code: 'TARGET_UNAVAILABLE' });
    await full.stop();
  });
});

describe('RespClient', () => {
  it('keeps the order of pipelined calls, whatever their size and outcome', async () => {
    const client = await openClient(parseEndpoint(at('')), OPTIONS);
    const large = Buffer.alloc(1_000_000, 'y');
    const calls = [
      client.call('SET', Buffer.from([0, 255]), large),
      client.call('GET', Buffer.from([0, 255])),
      client.call('LPUSH', Buffer.from([0, 255]), 1),
      client.call('INCRBY', 'n', 9007199254740991),
      client.call('INCR', 'n'),
      client.call('GET', 'none'),
      client.call('MGET', 'n', 'none'),
    ];
    expect(client.pending).toBe(calls.length);
    const results = await Promise.allSettled(calls);
    const values = results.map((result) => (result.status === 'fulfilled' ? result.value : result.reason));
    expect(values[2]).toBeInstanceOf(ServerError);
    expect(values[2]).toMatchObject({
      code: 'WRONGTYPE',
      text: expect.stringMatching(/^WRONGTYPE Operation/),
    });
    // Compared by itself: a deep comparison of so many bytes takes seconds.
    expect(large.equals(values[1])).toBe(true);
    values[1] = values[2] = undefined;
    expect(values).toEqual([
      'OK',
      undefined,
      undefined,
      9007199254740991,
      9007199254740992n,
      null,
      [Buffer.from('9007199254740992'), null],
    ]);
    expect(client.pending).toBe(0);
    expect(parseInfo(String(await client.call('INFO'))).get('redis_version')).toMatch(/^\d+\./);
    await client.close();
  });
});
