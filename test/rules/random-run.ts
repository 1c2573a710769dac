/** Runs under random rules, while random commands are written, between servers and clusters: what the target holds in the end is what the rules make of the source. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse } from 'smol-toml';
import { readRules } from '../../src/config/rule-tables.ts';
import { Rules } from '../../src/rules/rules.ts';
import { acknowledged } from '../support/acknowledged.ts';
import { RedisCluster } from '../support/cluster.ts';
import { differences, stateOf } from '../support/cluster-state.ts';
import { compare } from '../support/compare.ts';
import { Naru } from '../support/naru.ts';
import { Random } from '../support/random.ts';
import { RedisServer } from '../support/redis-server.ts';
import type { Arg } from '../support/resp-client.ts';
import { synced } from '../support/synced.ts';
import { DATABASES, keyOf } from '../support/write-values.ts';
import { Writer } from '../support/writers.ts';
import { ClusterWriter } from '../topology/cluster-writer.ts';
import { applyModel, type Model } from './model.ts';
import { type RandomRules, type RulesAbout, randomRules } from './random-rules.ts';

export interface RandomRun {
  mode: 'sync' | 'scan' | 'live';
  fromCluster?: boolean;
  toCluster?: boolean;
  seed: number;
  /** a module of the user's own too; absent: now and then */
  functions?: boolean;
  /** written while the run goes on */
  commands: number;
}

/** A server's own MIGRATE, and RESTORE by a script, move an expiry time by the time that they take. */
const TTL_TOLERANCE_MS = 2000;
const TYPES = ['str', 'num', 'float', 'list', 'set', 'hash', 'zset', 'hll', 'geo', 'stream', 'story'];

/** Resolves to what was seen, in a line. Rejects with the rules and the first differences. */
export async function randomRun(run: RandomRun): Promise<string> {
  const { mode, fromCluster = false, toCluster = false, seed } = run;
  const random = new Random(seed);
  const changes = fromCluster && random.chance(0.5);
  const about: RulesAbout = {
    keys: fromCluster ? taggedKeys(random) : typedKeys(random),
    databases: fromCluster || toCluster ? 1 : DATABASES,
    maps: !fromCluster && !toCluster,
    onlyPrefixes: changes,
  };
  const drawn = usable(random, about);
  const functions = !changes && (run.functions ?? random.chance(0.2));
  const rules: RandomRules = functions ? { ...drawn, model: withFunctions(drawn.model) } : drawn;
  const source = fromCluster ? await RedisCluster.start({ masters: 2 }) : await RedisServer.start();
  const target = toCluster ? await RedisCluster.start({ masters: 2 }) : await RedisServer.start();
  const expected = await RedisServer.start();
  const dir = mkdtempSync(join(tmpdir(), 'naru-rules-'));
  const config = join(dir, 'naru.toml');
  const transform = join(dir, 'transform.mjs');
  writeFileSync(transform, FUNCTIONS);
  writeFileSync(config, `${functions ? `transform = "${transform}"\n` : ''}${rules.toml}`);
  let naru: Naru | undefined;
  try {
    const writer = await writerTo(source, rules, { seed, several: about.databases > 1 });
    await writer.until(run.commands);
    if (mode === 'scan') await writer.stop();
    const args = ['--from', source.url, '--to', target.url, '--dir', dir, '--config', config, '--json'];
    naru = Naru.start([
      mode === 'sync' ? 'sync' : 'scan',
      ...args,
      ...(mode === 'live' ? ['--live'] : []),
      '--progress-interval',
      '50ms',
    ]);
    if (mode !== 'scan') {
      if (mode === 'live') await synced(naru, writer);
      else await naru.untilEvent('snapshot_done');
      await writer.until(run.commands);
      for (let cut = random.int(4); cut > 0; cut--) {
        await cutOff(await serversOf(target));
        await writer.until(run.commands / 4);
      }
      if (changes && source instanceof RedisCluster) await moveSlots(source);
      if (toCluster && target instanceof RedisCluster && random.chance(0.5)) await moveSlots(target);
      if (!changes && random.chance(0.3)) await flush(source, random);
      await writer.until(run.commands);
      await writer.stop();
      if (mode === 'sync') await ends(naru, await serversOf(source));
      else await endsLive(naru);
    } else await naru.exited;
    const { code } = naru.exit ?? (await naru.exited);
    if (code !== 0) throw new Error(`it ended with ${code}`);
    const written = await applyModel(await serversOf(source), expected, rules.model);
    const found =
      target instanceof RedisServer && source instanceof RedisServer
        ? await compare(expected, target)
        : differences(await stateOf([expected]), await stateOf(await serversOf(target)), TTL_TOLERANCE_MS);
    if (found.length > 0) throw new Error(found.join('\n'));
    const { recopied = 0 } = naru.eventsOf('done')[0] ?? {};
    return `${written} keys, ${rules.toml.split('[[rules]]').length - 1} rules, ${recopied} copied again`;
  } catch (error) {
    const told = naru?.events
      .filter(({ event }) => event !== 'progress')
      .map((event) => JSON.stringify(event));
    const text = `${(error as Error).message}\n${JSON.stringify(run)}\n${rules.toml}\n${told?.slice(-5).join('\n')}\n${naru?.stderr}`;
    throw new Error(text, { cause: error });
  } finally {
    if (naru !== undefined && naru.exit === undefined) await naru.stop('SIGKILL');
    await Promise.all([source.stop(), target.stop(), expected.stop()]);
    rmSync(dir, { recursive: true });
  }
}

/** Functions of a user's own, and what they make of what rules keep. */
const FUNCTIONS = `export const entry = ({ key }) => !key.toString('latin1').endsWith('3');
export const rename = (key) => (key.length % 2 === 1 ? Buffer.concat([Buffer.from('fn/'), key]) : undefined);
`;

function withFunctions(model: Model): Model {
  return (source) => {
    const made = model(source);
    if (made === undefined || source.key.endsWith('3')) return undefined;
    const isRenamed = made.key !== undefined && made.key !== source.key;
    return !isRenamed && source.key.length % 2 === 1 ? { ...made, key: `fn/${source.key}` } : made;
  };
}

/** Some of what is drawn can not be meant (a rule that never applies), or leaves out nearly all: then it is drawn again. */
function usable(random: Random, about: RulesAbout): RandomRules {
  for (;;) {
    const rules = randomRules(random, about);
    const kept = about.keys.filter((key) => rules.model({ db: 0, key, type: 'string', expireAtMs: 0 }));
    if (rules.toml !== '' && isAccepted(rules.toml) && kept.length * 5 > about.keys.length) return rules;
  }
}

function isAccepted(toml: string): boolean {
  try {
    new Rules(readRules(parse(toml)['rules']) ?? []);
    return true;
  } catch {
    return false;
  }
}

function typedKeys(random: Random): string[] {
  return TYPES.flatMap((type) => random.times(6, () => latin1(keyOf(random, type))));
}

function taggedKeys(random: Random): string[] {
  return random.times(40, () => `{t${random.int(300)}}${random.pick([...'snlhzxyaq'])}`);
}

function latin1(key: Arg): string {
  return Buffer.isBuffer(key) ? key.toString('latin1') : String(key);
}

interface Writes {
  pause(): Promise<void>;
  resume(): void;
  until(commands: number): Promise<void>;
  stop(): Promise<void>;
}

async function writerTo(
  source: RedisServer | RedisCluster,
  { knowsDbs }: RandomRules,
  { seed, several }: { seed: number; several: boolean },
): Promise<Writes> {
  if (source instanceof RedisCluster) return ClusterWriter.start(source, seed);
  const keep = (commands: readonly Arg[][]): boolean =>
    commands.every(
      ([name, ...args]) =>
        !(knowsDbs && name === 'SWAPDB') &&
        (several ||
          (!/^(SELECT|MOVE|SWAPDB|FLUSHDB)$/.test(String(name)) &&
            !(name === 'COPY' && args.includes('DB')))),
    );
  const writer = new Writer(source, { seed, rate: 3000, keep, ...(several ? {} : { databases: 1 }) });
  await writer.start();
  return writer;
}

async function moveSlots(cluster: RedisCluster): Promise<void> {
  const [from, to] = await cluster.masters();
  if (from !== undefined && to !== undefined) await cluster.reshard(60, from, to);
}

async function flush(source: RedisServer | RedisCluster, random: Random): Promise<void> {
  const [server] = await serversOf(source);
  const client = await (server as RedisServer).connect();
  if (source instanceof RedisServer) await client.call('SELECT', random.int(2));
  const flush = [random.pick(['FLUSHALL', 'FLUSHDB'])];
  await client.pipeline(random.chance(0.5) ? [flush] : [['MULTI'], flush, flush, ['EXEC']]);
  client.close();
}

async function serversOf(side: RedisServer | RedisCluster): Promise<RedisServer[]> {
  return side instanceof RedisServer ? [side] : (await side.masters()).map(({ server }) => server);
}

/** Closes all connections to the servers. */
async function cutOff(servers: readonly RedisServer[]): Promise<void> {
  for (const server of servers) await server.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
}

/** A scan that follows changes compares all keys before it ends. */
async function endsLive(naru: Naru): Promise<void> {
  await naru.untilEvent('synced');
  await naru.stop();
}

/** A run that is stopped once the lag is nothing applies what it has received; the sources are at rest. */
async function ends(naru: Naru, sources: readonly RedisServer[]): Promise<void> {
  for (const source of sources) await acknowledged(naru, source);
  await naru.untilEvent('synced');
  await naru.stop();
}
