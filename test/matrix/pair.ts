/** One migration between servers of two versions, with everything that the source can hold and do, judged by the servers alone. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { acknowledged } from '../support/acknowledged.ts';
import { compare, isCheckpoint } from '../support/compare.ts';
import { fill } from '../support/fill.ts';
import { Naru } from '../support/naru.ts';
import { Random } from '../support/random.ts';
import { RedisServer } from '../support/redis-server.ts';
import { type Reply, ReplyError } from '../support/reply-parser.ts';
import type { CachedServer } from '../support/servers.ts';
import { Writer } from '../support/writers.ts';
import { acknowledgeGone } from './gone-messages.ts';
import { removeIdleConsumers } from './idle-consumers.ts';
import { compareNewer, fillNewer } from './newer.ts';

/** `wrong` is empty where everything is as it should be. */
export interface Outcome {
  /** the source held what the target can not */
  readonly lossy: boolean;
  /** keys that were read again, since the target does not know the command */
  readonly recopied: number;
  readonly wrong: string[];
}

export interface PairOptions {
  keys?: number;
  commands?: number;
  seed?: number;
}

/** Commands a second; the tests' machine has other work too. */
const RATE = 10_000;

export async function runPair(
  from: CachedServer,
  to: CachedServer,
  options: PairOptions = {},
): Promise<Outcome> {
  const [source, target] = await Promise.all([from, to].map(({ binary }) => RedisServer.start({ binary })));
  try {
    return await migrate(source as RedisServer, target as RedisServer, options);
  } finally {
    await Promise.all([source?.stop(), target?.stop()]);
  }
}

async function migrate(source: RedisServer, target: RedisServer, options: PairOptions): Promise<Outcome> {
  const { keys = 2500, commands = 6000, seed = 1 } = options;
  await fill(source, keys, { seed });
  const extra = await fillNewer(source, new Random(seed));
  const args = ['sync', '--from', source.url, '--to', target.url, '--json', '--big-key-size', '64KiB'];
  const missing = await missingAt(target, source);
  const wrong = missing.has('HPEXPIRE') || missing.has('FUNCTION') ? await refused(args, target) : [];
  if (missing.size > 0) args.push('--lossy');
  wrong.push(...(await byFile(source, target, missing)));
  await target.pipeline([['FLUSHALL'], ['FUNCTION', 'FLUSH']]);
  const writer = new Writer(source, { seed, rate: RATE, extra });
  await writer.start();
  const naru = Naru.start(args);
  try {
    await naru.untilEvent('snapshot_done');
    await writer.until(commands);
    await writer.stop();
    await acknowledged(naru, source);
    const exit = await naru.stop();
    if (exit.code !== 0) wrong.push(`exit code ${exit.code}: ${naru.stdout.slice(-1000)}`);
    const done = naru.eventsOf('done').at(-1);
    if (missing.size > 0 && !(Number(done?.['lost']) > 0)) wrong.push(`lost: ${done?.['lost']}`);
    wrong.push(...(await differences(source, target, missing)));
    return { lossy: missing.size > 0, recopied: Number(done?.['recopied']), wrong };
  } finally {
    if (naru.exit === undefined) await naru.stop('SIGKILL');
    // Where it failed, that was thrown above.
    await writer.stop().catch(() => undefined);
  }
}

/** By way of a file, while the source is at rest: what `naru dump` writes and `naru restore` reads. */
async function byFile(
  source: RedisServer,
  target: RedisServer,
  missing: ReadonlySet<string>,
): Promise<string[]> {
  const dir = mkdtempSync(join(tmpdir(), 'naru-matrix-'));
  try {
    const file = join(dir, 'dump.rdb');
    const lossy = missing.size > 0 ? ['--lossy'] : [];
    const runs = [
      ['dump', '--from', source.url, '--to', file],
      ['restore', '--from', file, '--to', target.url, ...lossy],
    ];
    for (const args of runs) {
      const { exit, stdout, stderr } = await Naru.run(args);
      if (exit?.code !== 0)
        return [`${args[0]}: exit code ${exit?.code}: ${stdout.slice(-500)}${stderr.slice(-500)}`];
    }
    return (await stateDifferences(source, target, missing)).map((line) => `by file: ${line}`);
  } finally {
    rmSync(dir, { recursive: true });
  }
}

/** Commands by which to tell what the source holds that the target has no place for. */
const CAPABILITIES = ['HPEXPIRE', 'FUNCTION', 'VADD'];

async function missingAt(target: RedisServer, source: RedisServer): Promise<ReadonlySet<string>> {
  const [there, here] = await Promise.all(
    [target, source].map((server) => server.call('COMMAND', 'INFO', ...CAPABILITIES) as Promise<Reply[]>),
  );
  const knows = (replies: Reply[] | undefined, i: number): boolean => Array.isArray(replies?.[i]);
  const missing = new Set(CAPABILITIES.filter((_, i) => knows(here, i) && !knows(there, i)));
  if (!missing.has('VADD') && !(await readsVectors(target, source))) missing.add('VADD');
  return missing;
}

/** A module's values have versions of their own. */
async function readsVectors(target: RedisServer, source: RedisServer): Promise<boolean> {
  const dump = await source.call('DUMP', 'vectors:0');
  if (dump === null) return true;
  const [reply] = await target.pipeline([['RESTORE', 'vectors:0', 0, dump as Buffer]]);
  await target.call('DEL', 'vectors:0');
  return !(reply instanceof ReplyError);
}

/** What the source itself says it holds and the target can't: the error says so, and the target was not touched. */
async function refused(args: string[], target: RedisServer): Promise<string[]> {
  await target.call('CONFIG', 'RESETSTAT');
  const naru = await Naru.run(args);
  const wrong: string[] = [];
  const codes = naru.eventsOf('error').map(({ code }) => code);
  if (naru.exit?.code !== 1 || codes.at(-1) !== 'TARGET_TOO_OLD') {
    wrong.push(
      `exit code ${naru.exit?.code}, ${codes.join(', ')} instead of TARGET_TOO_OLD: ${naru.stdout.slice(-1000)}`,
    );
  }
  const called = [...(await target.info('commandstats')).keys()].map((name) => name.replace('cmdstat_', ''));
  const writes = called.filter((name) => /^(set|mset|multi|exec|unlink|function)/.test(name));
  if (writes.length > 0) wrong.push(`the target was written to: ${writes.join(', ')}`);
  const keys = Number(await target.call('DBSIZE'));
  if (keys > 0) wrong.push(`the target holds ${keys} keys`);
  return wrong;
}

async function differences(
  source: RedisServer,
  target: RedisServer,
  missing: ReadonlySet<string>,
): Promise<string[]> {
  // What commands can not bring: of large streams in parts, and of claims on the other side of Redis 7, as with a plain replica.
  await Promise.all([source, target].map(acknowledgeGone));
  // Behind them, since some have nothing else.
  await Promise.all([source, target].map(removeIdleConsumers));
  return stateDifferences(source, target, missing);
}

async function stateDifferences(
  source: RedisServer,
  target: RedisServer,
  missing: ReadonlySet<string>,
): Promise<string[]> {
  const [known, knownThere] = await Promise.all([streamFields(source), streamFields(target)]);
  const unsharedStreamFields = [
    ...PRODUCERS,
    ...known.filter((name) => !knownThere.includes(name)),
    ...knownThere.filter((name) => !known.includes(name)),
  ];
  const flavours = await Promise.all([flavourOf(source), flavourOf(target)]);
  const otherFlavour = flavours[0] !== flavours[1];
  const ignore = (db: number, key: Buffer): boolean =>
    isCheckpoint(db, key) ||
    (missing.has('VADD') && key.toString('latin1').startsWith('vectors:')) ||
    // Only a Redis that knows of them digests when the fields of a hash expire; `compareNewer` looks at the values.
    ((otherFlavour || missing.has('HPEXPIRE')) && key.toString('latin1').startsWith('timed:'));
  const lines = [
    ...(await compare(source, target, { unsharedStreamFields, ignore, limit: 5 })),
    ...(await compareNewer(source, target, missing)),
  ];
  return lines.filter((line) => !missing.has('FUNCTION') || !line.startsWith('functions:'));
}

/** What Redis 8.6 remembers of idempotent producers: nothing that a client could write. */
const PRODUCERS = ['pids-tracked', 'iids-tracked', 'iids-added', 'iids-duplicates'];

async function flavourOf(server: RedisServer): Promise<string> {
  return (await server.info('server')).has('valkey_version') ? 'valkey' : 'redis';
}

/** What a server tells of a stream. */
async function streamFields(server: RedisServer): Promise<string[]> {
  await server.pipeline([
    ['XADD', 'probe', '1-1', 'f', 'v'],
    ['XGROUP', 'CREATE', 'probe', 'g', '0'],
    ['XREADGROUP', 'GROUP', 'g', 'c', 'STREAMS', 'probe', '>'],
  ]);
  const reply = await server.call('XINFO', 'STREAM', 'probe', 'FULL');
  await server.call('DEL', 'probe');
  return words(reply).filter((word) => /^[a-z]+(-[a-z]+)*$/.test(word));
}

const words = (reply: Reply): string[] => (Array.isArray(reply) ? reply.flatMap(words) : [String(reply)]);
