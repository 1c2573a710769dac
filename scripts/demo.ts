/**
 * `npm run demo`: moves a Redis that is being written to, on this machine, and shows that the copy is equal. Both servers are made for
 * it and go with it. Exit code 0 only when both sides are equal. `npm run demo -- --keys 50000 --seconds 20` for another size;
 * `npm run demo -- --scenario proxy` moves what stands behind a proxy.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { Screen } from '../src/cli/screen.ts';
import { bytesText, durationText, exactText } from '../src/cli/units.ts';
import { makeTempDir } from '../test/support/cleanup.ts';
import { compare } from '../test/support/compare.ts';
import { fill } from '../test/support/fill.ts';
import { Naru } from '../test/support/naru.ts';
import type { Random } from '../test/support/random.ts';
import { RedisServer } from '../test/support/redis-server.ts';
import type { Arg } from '../test/support/resp-client.ts';
import { until } from '../test/support/until.ts';
import { Writer } from '../test/support/writers.ts';
import { bold, green, LEADERBOARD, leaderboard, PLAYERS, player, red, report, step } from './demo-kit.ts';
import { demoProxy } from './demo-proxy.ts';

const WRITES_PER_SECOND = 5000;

const { values } = parseArgs({
  options: {
    scenario: { type: 'string', default: 'live' },
    keys: { type: 'string', default: '200000' },
    seconds: { type: 'string', default: '5' },
  },
});

/** A few players score: what the demo's application does besides all else. */
function score(random: Random): Arg[][] {
  const wins = random.times(5, () => [
    'ZINCRBY',
    LEADERBOARD,
    1 + random.int(50),
    player(random.int(PLAYERS)),
  ]);
  return [['SELECT', 0], ...wins];
}

async function fillSource(source: RedisServer, keys: number): Promise<void> {
  await source.call(...leaderboard());
  await fill(source, keys);
}

async function countKeys(server: RedisServer): Promise<number> {
  const keyspace = await server.info('keyspace');
  return [...keyspace.values()].reduce((sum, line) => sum + Number(/keys=(\d+)/.exec(line)?.[1]), 0);
}

const countPlayers = async (server: RedisServer): Promise<number> =>
  Number(await server.call('ZCARD', LEADERBOARD));

const sourceOffset = async (source: RedisServer): Promise<number> =>
  Number((await source.info('replication')).get('master_repl_offset'));

/** The source itself knows how far its follower is: what naru acknowledges to it is applied in the target. */
async function untilApplied(source: RedisServer): Promise<void> {
  const offset = await sourceOffset(source);
  const acknowledged = async (): Promise<boolean> => {
    const line = (await source.info('replication')).get('slave0') ?? '';
    return Number(/offset=(\d+)/.exec(line)?.[1]) >= offset;
  };
  await until('everything is applied', acknowledged, 60_000);
}

interface Outcome {
  seconds: number;
  changes: number;
  maxLagMs: number;
  bytes: number;
}

/** Migrates while the writer writes, until a while after the full copy; returns when the target holds every write. */
async function migrate(
  source: RedisServer,
  target: RedisServer,
  spoolDir: string,
  liveSeconds: number,
): Promise<Outcome> {
  const screen = new Screen(process.stdout, process.stdout, process.env);
  const args = ['sync', '--from', source.url, '--to', target.url];
  step(`naru ${args.join(' ')}`);
  const begin = performance.now();
  const naru = Naru.start([...args, '--dir', spoolDir, '--json'], {
    onEvent: (event) => screen.event(event),
  });
  const writer = new Writer(source, { rate: WRITES_PER_SECOND, batch: 50, extra: score });
  await writer.start();
  try {
    await naru.untilEvent('snapshot_done');
    screen.note(
      `The application goes on writing (${exactText(WRITES_PER_SECOND)} commands/s) for ${liveSeconds} s.`,
    );
    await Promise.race([sleep(liveSeconds * 1000), naru.exited]);
    await writer.stop();
    screen.note(
      `The application has stopped after ${exactText(writer.written)} commands. Waiting until all are applied.`,
    );
    await Promise.race([untilApplied(source), naru.exited]);
    const { code } = await naru.stop();
    await screen.end();
    if (code !== 0) throw new Error(`naru ended with exit code ${code}\n${naru.stderr}`);
  } finally {
    await Promise.allSettled([writer.stop(), naru.stop('SIGKILL')]);
  }
  const [done] = naru.eventsOf('done');
  const lags = naru.eventsOf('progress').map((event) => (event.phase === 'stream' ? event.lagMs : 0));
  return {
    seconds: (performance.now() - begin) / 1000,
    changes: done?.commands ?? 0,
    maxLagMs: Math.max(0, ...lags),
    bytes: done?.bytes ?? 0,
  };
}

async function demoLive(spoolDir: string): Promise<boolean> {
  const servers: RedisServer[] = [];
  try {
    for (const _ of ['source', 'target']) servers.push(await RedisServer.start());
    const [source, target] = servers as [RedisServer, RedisServer];
    return await move(source, target, spoolDir);
  } finally {
    await Promise.allSettled(servers.map((server) => server.stop()));
  }
}

async function move(source: RedisServer, target: RedisServer, spoolDir: string): Promise<boolean> {
  const [keys, liveSeconds] = [Number(values.keys), Number(values.seconds)];
  const version = (await source.info('server')).get('redis_version');
  console.log(bold('Naru moves a live Redis to another one.'));
  step(`Two empty servers (Redis ${version}): source ${source.url}, target ${target.url}`);
  step(
    `The source gets ${exactText(keys)} keys of all types, and a leaderboard of ${exactText(PLAYERS)} players`,
  );
  await fillSource(source, keys);
  const outcome = await migrate(source, target, spoolDir, liveSeconds);
  step('Both sides are compared: every key, type, value and expiry, stream groups, functions');
  const differences = await compare(source, target);
  for (const difference of differences) console.log(`   ${red(difference)}`);
  const [sourceKeys, targetKeys] = await Promise.all([countKeys(source), countKeys(target)]);
  const [sourcePlayers, targetPlayers] = await Promise.all([countPlayers(source), countPlayers(target)]);
  const equal = differences.length === 0;
  report([
    ['keys', `source ${exactText(sourceKeys)}, target ${exactText(targetKeys)}`],
    ['leaderboard', `source ${exactText(sourcePlayers)} records, target ${exactText(targetPlayers)} records`],
    [
      'changes followed',
      `${exactText(outcome.changes)} commands (${bytesText(outcome.bytes)} with the full copy)`,
    ],
    ['highest lag', durationText(outcome.maxLagMs)],
    ['time', `${outcome.seconds.toFixed(1)} s, of them ${liveSeconds} s live`],
    ['result', equal ? green('equal') : red('NOT EQUAL')],
  ]);
  return equal;
}

const spool = makeTempDir('naru-demo-');
try {
  const { scenario, keys } = values;
  if (scenario !== 'live' && scenario !== 'proxy')
    throw new Error(`--scenario is live or proxy, not ${scenario}`);
  const isEqual = scenario === 'live' ? demoLive(spool.path) : demoProxy(Number(keys), spool.path);
  process.exitCode = (await isEqual) ? 0 : 1;
} catch (error) {
  console.error(`\n${red('The demo failed:')} ${(error as Error).message}`);
  process.exitCode = 1;
} finally {
  spool.remove();
}
