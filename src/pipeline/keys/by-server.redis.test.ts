import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { viewOf } from '../../../test/support/command-view.ts';
import { clientOf, newestTable } from '../../../test/support/newest-commands.ts';
import { RedisServer } from '../../../test/support/redis-server.ts';
import type { RespClient } from '../../net/client.ts';
import { BUILT_IN, BUILT_IN_VERSIONS } from './built-in.ts';
import { askKeyTable, keysByServer } from './by-server.ts';
import { KeyTable } from './key-table.ts';

let server: RedisServer;
let client: RespClient;
beforeAll(async () => {
  server = await RedisServer.start({});
  client = await clientOf(server);
});
afterAll(async () => {
  await client.close();
  await server.stop();
});

describe('askKeyTable', () => {
  it("takes the server's own table", async () => {
    const table = await askKeyTable(client);
    expect(table.accepts(viewOf('CLIENT', 'LIST'))).toBe(true);
    expect(table).not.toBe(KeyTable.builtIn());
  });

  it('takes the built-in table where COMMAND is refused', async () => {
    await server.call('ACL', 'SETUSER', 'default', '-command');
    const table = await askKeyTable(client);
    await server.call('ACL', 'SETUSER', 'default', '+command');
    expect(table).toBe(KeyTable.builtIn());
  });

  it('does not take a lost connection for a refusal', async () => {
    const lost = await clientOf(server);
    lost.connection.destroy();
    await expect(askKeyTable(lost)).rejects.toMatchObject({ code: 'LINK_LOST' });
    await expect(keysByServer(lost, [Buffer.from('GET')])).rejects.toMatchObject({ code: 'LINK_LOST' });
  });
});

describe('keysByServer', () => {
  const ask = async (...args: string[]): Promise<string[]> =>
    (
      await keysByServer(
        client,
        args.map((arg) => Buffer.from(arg)),
      )
    ).map(String);

  it('gives the keys', async () => {
    expect(await ask('ZUNIONSTORE', 'd', '2', 'a', 'b')).toEqual(['d', 'a', 'b']);
    expect(await ask('EVAL', 's', '0', 'a')).toEqual([]);
  });

  it('gives none where the server refuses to tell', async () => {
    for (const args of [['NOSUCH', 'a'], ['PING', 'x'], ['GET'], ['ZUNIONSTORE', 'd', '5', 'a']])
      expect(await ask(...args)).toEqual([]);
  });
});

describe('the built-in table', () => {
  it('is what the newest servers tell', async (context) => {
    const { versions, lines } = await newestTable();
    // The cache moves on to newer servers by itself; scripts/command-table.ts brings the table up to date.
    if (versions.join() !== BUILT_IN_VERSIONS.join()) context.skip();
    expect(BUILT_IN.trim().split('\n')).toEqual(lines);
    expect(lines.length).toBeGreaterThan(200);
  });
});
