/** From one server through a proxy to two. */
import { afterEach, describe, expect, it } from 'vitest';
import { PROXY_COMMANDS } from '../../src/engine/proxy.ts';
import { fill } from '../support/fill.ts';
import { hasNutcracker, Nutcracker } from '../support/nutcracker.ts';
import { RespClient } from '../support/resp-client.ts';
import { synced } from '../support/synced.ts';
import { TargetRig } from './target-rig.ts';

const stops: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
});

async function rigged(config?: Record<string, string>): Promise<{ rig: TargetRig; proxy: Nutcracker }> {
  const proxy = await Nutcracker.start(config);
  stops.push(() => proxy.stop());
  const rig = await TargetRig.start(() => proxy.url);
  stops.push(() => rig.stop());
  await fill(rig.source, 1500, { seed: 1, databases: 1 });
  // Function libraries can not be passed on.
  await rig.source.call('FUNCTION', 'FLUSH');
  return { rig, proxy };
}

/** Behind the key; else two. The proxy counts them. */
const ARGUMENTS: readonly [RegExp, readonly string[]][] = [
  [/^(PERSIST|INCR|DECR|GETDEL)$/, []],
  [/^(P?EXPIRE(AT)?|APPEND|(INCR|DECR)BY|INCRBYFLOAT|GETSET|SETNX|[LR]POP)$/, ['1']],
  [/^(LINSERT|GEOADD)$/, ['BEFORE', '1', '2']],
  [/^MSET$/, ['1']],
];

const name = hasNutcracker() ? 'a proxy as target' : 'a proxy as target (skipped: there is no nutcracker)';

describe.skipIf(!hasNutcracker())(name, () => {
  it('passes each command that it is given', async () => {
    const proxy = await Nutcracker.start();
    stops.push(() => proxy.stop());
    const refused: string[] = [];
    for (const command of PROXY_COMMANDS) {
      const client = await RespClient.connect({ host: proxy.host, port: proxy.port });
      const args = ARGUMENTS.find(([names]) => names.test(command))?.[1] ?? ['1', '1'];
      // What the server makes of the arguments does not matter; the proxy hangs up at what it does not know.
      await client.call(command, 'k', ...args).catch(() => {});
      await client.call('GET', 'nobody').catch(() => refused.push(command));
      client.close();
    }
    expect(refused).toEqual([]);
  });

  it('takes every write command, some by copying', async () => {
    const { rig, proxy } = await rigged();
    const writer = await rig.writer({ seed: 31, rate: 2000 });
    const naru = rig.sync('--to-topology', 'proxy', '--lossy', '--big-key-size', '64KiB');
    await synced(naru, writer);
    await writer.until(3000);
    await writer.stop();
    const { recopied } = await rig.endsEqual(naru, proxy.servers);
    expect(recopied).toBeGreaterThan(0);
  });

  it('may be restarted, and so may a server behind it', async () => {
    const { rig, proxy } = await rigged({ appendonly: 'yes', appendfsync: 'always' });
    const [first] = proxy.servers;
    const writer = await rig.writer({ seed: 32, rate: 1000 });
    const naru = rig.sync('--to-topology', 'proxy', '--lossy');
    await synced(naru, writer);
    await proxy.kill();
    await writer.until(500);
    await proxy.launch();
    await writer.until(500);
    await proxy.servers[1]?.kill('SIGSTOP');
    await writer.until(500);
    await proxy.servers[1]?.kill('SIGCONT');
    await writer.until(500);
    // What it had acknowledged was on disk by then.
    await first?.kill();
    await writer.until(500);
    await first?.restart();
    await writer.until(500);
    await writer.stop();
    await rig.endsEqual(naru, proxy.servers);
  });
});
