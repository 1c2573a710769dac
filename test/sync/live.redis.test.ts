import { afterEach, describe, it } from 'vitest';
import { endsEqual } from '../support/ends-equal.ts';
import { fill } from '../support/fill.ts';
import { Naru } from '../support/naru.ts';
import { RedisServer } from '../support/redis-server.ts';
import { Writer } from '../support/writers.ts';

const servers: RedisServer[] = [];
async function start(config: Record<string, string> = {}): Promise<RedisServer> {
  const server = await RedisServer.start({ config });
  servers.push(server);
  return server;
}
afterEach(async () => {
  for (const server of servers.splice(0)) await server.stop();
});

describe.each([
  ['diskless', { 'repl-diskless-sync': 'yes', 'repl-diskless-sync-delay': '0' }],
  ['disk-based', { 'repl-diskless-sync': 'no' }],
])('sync under writes, %s snapshot', (_, config) => {
  it('ends equal to the source', async () => {
    const source = await start(config);
    const target = await start();
    await fill(source, 6000);
    const writer = new Writer(source, { seed: 3, rate: 10_000 });
    await writer.start();
    const naru = await Naru.start(['sync', '--from', source.url, '--to', target.url, '--json']);
    await naru.untilEvent('snapshot_done');
    await writer.until(8000);
    await writer.stop();
    await naru.untilEvent('synced');
    await endsEqual(naru, source, target);
  });
});
