import { afterAll, describe, expect, it } from 'vitest';
import { RedisServer, type RedisServerOptions } from '../../../test/support/redis-server.ts';
import { cachedServers } from '../../../test/support/servers.ts';
import { openClient, type RespClient } from '../../net/client.ts';
import { parseEndpoint } from '../../net/url.ts';
import { askDialect, dialectOf } from './dialect.ts';

const clients: RespClient[] = [];
const servers: RedisServer[] = [];
afterAll(async () => {
  for (const client of clients) client.connection.destroy();
  await Promise.all(servers.map((server) => server.stop()));
});

async function start(options: RedisServerOptions): Promise<RedisServer> {
  const server = await RedisServer.start(options);
  servers.push(server);
  return server;
}

async function connect(server: RedisServer): Promise<RespClient> {
  const client = await openClient(parseEndpoint(server.url), { timeoutMs: 60_000, side: 'target' });
  clients.push(client);
  return client;
}

/** How each server that this machine has is to be understood: what it answers, and what the table says of its version, are the same. */
describe.each(cachedServers())('a target of $name', ({ binary }) => {
  it('tells by RESTORE which RDB versions it takes, and nothing is written', async () => {
    const server = await start({ binary });
    const info = await server.info('server');
    const valkey = info.get('valkey_version');
    const flavour = valkey === undefined ? 'redis' : 'valkey';
    const client = await connect(server);
    const asked = await askDialect(client, flavour, valkey ?? (info.get('redis_version') as string));
    const { modules, ...others } = asked;
    expect({ ...others, modules: new Set() }).toEqual(
      dialectOf(flavour, valkey ?? (info.get('redis_version') as string)),
    );
    expect(modules.has('vectorset')).toBe(flavour === 'redis' && asked.readable.redis >= 12);
    // The answer counts, not what the version says.
    const disguised = await askDialect(client, flavour, flavour === 'redis' ? '2.8.0' : '8.0.0');
    expect(disguised.readable).toEqual(asked.readable);
    expect(await server.call('DBSIZE')).toBe(0);
  });
});

describe('a target that does not tell', () => {
  it('is taken at its version', async () => {
    const server = await start({ args: ['--rename-command', 'RESTORE', 'x'] });
    const asked = await askDialect(await connect(server), 'redis', '4.0.14');
    expect(asked).toEqual(dialectOf('redis', '4.0.14'));
  });
});
