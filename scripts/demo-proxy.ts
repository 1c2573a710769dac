/** The scenario `proxy`: from a cloud's cluster proxy, which gives no replication stream, to another one. */
import { setTimeout as sleep } from 'node:timers/promises';
import { Screen } from '../src/cli/screen.ts';
import { exactText } from '../src/cli/units.ts';
import { Leaderboard } from '../test/scan/leaderboard.ts';
import { ApsaraProxy } from '../test/support/apsara-proxy.ts';
import { RedisCluster } from '../test/support/cluster.ts';
import { differences, stateOf } from '../test/support/cluster-state.ts';
import { fill } from '../test/support/fill.ts';
import { Naru } from '../test/support/naru.ts';
import { bold, green, LEADERBOARD, leaderboard, PLAYERS, red, report, step } from './demo-kit.ts';

const SHARDS = 2;
/** so long the leaderboard changes once Naru is in sync */
const FOLLOWED_MS = 3000;

/** Resolves to whether both sides are equal. */
export async function demoProxy(keys: number, spoolDir: string): Promise<boolean> {
  const clusters: RedisCluster[] = [];
  const proxies: ApsaraProxy[] = [];
  try {
    for (const _ of ['source', 'target']) {
      const cluster = await RedisCluster.start({ masters: SHARDS });
      clusters.push(cluster);
      proxies.push(await ApsaraProxy.start(cluster));
    }
    const [source, target] = proxies as [ApsaraProxy, ApsaraProxy];
    return await move(source, target, keys, spoolDir);
  } finally {
    await Promise.allSettled(proxies.map((proxy) => proxy.stop()));
    await Promise.allSettled(clusters.map((cluster) => cluster.stop()));
  }
}

async function move(source: ApsaraProxy, target: ApsaraProxy, keys: number, dir: string): Promise<boolean> {
  console.log(bold('Naru moves data from behind a proxy that offers no replication.'));
  step(`Two clusters of ${SHARDS} shards, each behind a double of Alibaba Cloud's (Tair) proxy`);
  console.log(`   source ${source.url}, target ${target.url}`);
  step(
    `The source gets ${exactText(keys)} keys of all types, and a leaderboard of ${exactText(PLAYERS)} players`,
  );
  const client = await source.connect();
  await client.call(...leaderboard());
  client.close();
  await fill(source, keys, { databases: 1 });
  const both = ['--from', source.url, '--to', target.url, '--dir', dir];
  step(`naru sync --from ${source.url} --to ${target.url}`);
  const refused = await run(['sync', ...both]);
  if (refused === 0) throw new Error('sync was expected to be refused');
  step(`naru scan --from ${source.url} --to ${target.url}`);
  const begin = performance.now();
  const code = await run(['scan', ...both]);
  if (code !== 0) throw new Error(`naru ended with exit code ${code}`);
  const seconds = (performance.now() - begin) / 1000;
  step('Both sides are compared: every key, type, value and expiry');
  const isEqual = await compared(source, target, seconds);
  return (await follow(source, target, both)) && isEqual;
}

/** The same once more into an empty target, while the leaderboard changes. */
async function follow(source: ApsaraProxy, target: ApsaraProxy, both: readonly string[]): Promise<boolean> {
  for (const { server } of target.cluster.nodes) await server.call('FLUSHALL');
  step(`The target is emptied. Now the leaderboard changes all the time: naru scan --live`);
  const changing = await Leaderboard.start(source);
  const begin = performance.now();
  const screen = new Screen(process.stdout, process.stdout, process.env);
  const naru = Naru.start(['scan', '--live', ...both, '--json', '--progress-interval', '500ms'], {
    onEvent: (event) => screen.event(event),
  });
  try {
    await naru.untilEvent('synced');
    await sleep(FOLLOWED_MS);
  } finally {
    await changing.stop();
  }
  screen.note(
    `   ${exactText(changing.changes)} changes of the leaderboard. Its writers stop; Naru gets SIGINT.`,
  );
  const { code } = await naru.stop('SIGINT');
  await screen.end();
  if (code !== 0) throw new Error(`naru ended with exit code ${code}`);
  step('Both sides are compared again');
  return compared(source, target, (performance.now() - begin) / 1000);
}

/** The exit code; what it says is shown. */
async function run(args: readonly string[]): Promise<number | null> {
  const screen = new Screen(process.stdout, process.stdout, process.env);
  const naru = Naru.start([...args, '--json'], { onEvent: (event) => screen.event(event) });
  const { code } = await naru.exited;
  await screen.end();
  return code;
}

async function compared(source: ApsaraProxy, target: ApsaraProxy, seconds: number): Promise<boolean> {
  const [from, to] = await Promise.all([source, target].map(shardsState));
  const found = differences(from as Map<string, string>, to as Map<string, string>);
  for (const difference of found) console.log(`   ${red(difference)}`);
  const [sourceCounts, targetCounts] = await Promise.all([source, target].map(counts));
  report([
    ['keys', `source ${sourceCounts?.keys}, target ${targetCounts?.keys}`],
    ['leaderboard', `source ${sourceCounts?.records} records, target ${targetCounts?.records} records`],
    ['time', `${seconds.toFixed(1)} s`],
    ['result', found.length === 0 ? green('equal') : red('NOT EQUAL')],
  ]);
  return found.length === 0;
}

const shardsState = ({ cluster }: ApsaraProxy): Promise<Map<string, string>> =>
  stateOf(cluster.nodes.map(({ server }) => server));

/** As clients of the proxy see them. */
async function counts(proxy: ApsaraProxy): Promise<{ keys: string; records: string }> {
  const client = await proxy.connect();
  try {
    const [keys, records] = await client.pipeline([['DBSIZE'], ['ZCARD', LEADERBOARD]]);
    return { keys: exactText(Number(keys)), records: exactText(Number(records)) };
  } finally {
    client.close();
  }
}
