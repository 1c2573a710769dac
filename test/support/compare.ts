/**
 * Compares two servers completely: databases, keys, types, values, expiry times, streams with their groups, functions. It shares no
 * code with what it judges: values are compared by the servers' own DEBUG DIGEST-VALUE, which does not depend on encodings.
 */
import type { RedisServer } from './redis-server.ts';
import { type Reply, ReplyError } from './reply-parser.ts';
import type { RespClient } from './resp-client.ts';

export interface CompareOptions {
  /** how far expiry times may lie apart; without PEXPIRETIME (before Redis 7.0) at least 1000 */
  ttlToleranceMs?: number;
  /** differences to return at most */
  limit?: number;
  /**
   * Compares each group's entries-read and lag too. Right after a full copy only: the stream of Redis 7.0 carries them for NOACK reads
   * alone, so that a plain replica loses them as well.
   */
  groupCounters?: boolean;
  /** fields of XINFO STREAM FULL that only one of the servers knows, by its version */
  unsharedStreamFields?: readonly string[];
  /** keys to leave out on both sides; without it the checkpoint */
  ignore?: (db: number, key: Buffer) => boolean;
}

/** Naru's checkpoint in a target. Other keys of its own (a large key under way) must not remain. */
export const isCheckpoint = (db: number, key: Buffer): boolean =>
  db === 0 && key.toString('latin1').startsWith('naru:checkpoint:');

interface Side {
  readonly name: 'source' | 'target';
  readonly client: RespClient;
  readonly databases: number;
  readonly exactTtl: boolean;
}

interface Pass {
  readonly source: Side;
  readonly target: Side;
  readonly tolerance: number;
  readonly limit: number;
  readonly notState: ReadonlySet<string>;
  readonly ignore: (db: number, key: Buffer) => boolean;
  readonly differences: string[];
}

const SCAN_COUNT = 1000;

/** How a server stores a stream and when a consumer was last seen differ between any two servers; entries are digested. */
const STORAGE: ReadonlySet<string> = new Set([
  'radix-tree-keys',
  'radix-tree-nodes',
  'entries',
  'seen-time',
  'active-time',
]);

/** Returns one line for each difference, at most `limit`; empty: the servers are equal. */
export async function compare(
  source: RedisServer,
  target: RedisServer,
  options: CompareOptions = {},
): Promise<string[]> {
  const sides = await Promise.all([openSide('source', source), openSide('target', target)]);
  const exact = sides.every((side) => side.exactTtl);
  const pass: Pass = {
    source: { ...sides[0], exactTtl: exact },
    target: { ...sides[1], exactTtl: exact },
    tolerance: Math.max(options.ttlToleranceMs ?? 0, exact ? 0 : 1000),
    limit: options.limit ?? 20,
    notState: new Set([
      ...STORAGE,
      ...(options.groupCounters ? [] : ['entries-read', 'lag']),
      ...(options.unsharedStreamFields ?? []),
    ]),
    ignore: options.ignore ?? isCheckpoint,
    differences: [],
  };
  try {
    await compareFunctions(pass);
    const databases = Math.max(pass.source.databases, pass.target.databases);
    for (let db = 0; db < databases; db++) {
      if (await selectBoth(pass, db)) await compareDatabase(pass, db);
    }
    return pass.differences.slice(0, pass.limit);
  } finally {
    for (const { client } of sides) client.close();
  }
}

async function openSide(name: Side['name'], server: RedisServer): Promise<Side> {
  const client = await server.connect();
  const [databases, expireTime] = await client.pipeline([
    ['CONFIG', 'GET', 'databases'],
    ['PEXPIRETIME', 'any'],
  ]);
  const count = Array.isArray(databases) ? Number(String(databases[1])) : 1;
  return { name, client, databases: count, exactTtl: !(expireTime instanceof ReplyError) };
}

/** False where neither side holds a key in this database. */
async function selectBoth({ source, target }: Pass, db: number): Promise<boolean> {
  const sizes = await Promise.all(
    [source, target].map(async ({ client, databases }) => {
      if (db >= databases) return 0;
      await client.call('SELECT', db);
      return Number(await client.call('DBSIZE'));
    }),
  );
  return sizes.some((size) => size > 0);
}

async function compareDatabase(pass: Pass, db: number): Promise<void> {
  for await (const keys of scan(pass, pass.source, db)) await compareKeys(pass, db, keys);
  for await (const keys of scan(pass, pass.target, db)) {
    const there = await pass.source.client.pipeline(keys.map((key) => ['EXISTS', key]));
    for (const [i, key] of keys.entries()) {
      if (there[i] === 0) pass.differences.push(`${place(db, key)}: only in the target`);
    }
    if (pass.differences.length >= pass.limit) return;
  }
}

async function* scan(pass: Pass, { client, databases }: Side, db: number): AsyncGenerator<Buffer[]> {
  if (db >= databases) return;
  let cursor = '0';
  do {
    const [next, keys] = (await client.call('SCAN', cursor, 'COUNT', SCAN_COUNT)) as [Buffer, Buffer[]];
    cursor = next.toString();
    yield keys.filter((key) => !pass.ignore(db, key));
  } while (cursor !== '0' && pass.differences.length < pass.limit);
}

async function compareKeys(pass: Pass, db: number, keys: Buffer[]): Promise<void> {
  if (keys.length === 0) return;
  const [source, target] = await Promise.all([describe(pass.source, keys), describe(pass.target, keys)]);
  const streams: Buffer[] = [];
  for (const [i, key] of keys.entries()) {
    const found = differenceOf(source, target, i, pass.tolerance);
    if (found?.startsWith('zset values') && (await sameScores(pass, key))) continue;
    if (found !== undefined) pass.differences.push(`${place(db, key)}: ${found}`);
    else if (source.types[i] === 'stream') streams.push(key);
  }
  await compareStreams(pass, db, streams);
}

/** Digests of the same scores differ between servers: Redis before 7.2 puts in more digits than are needed. */
async function sameScores({ source, target }: Pass, key: Buffer): Promise<boolean> {
  const [a, b] = await Promise.all(
    [source, target].map(async ({ client }) => {
      const reply = (await client.call('ZRANGE', key, 0, -1, 'WITHSCORES')) as Buffer[];
      // Members and scores in turn. Number() and back leaves one text for each score; the text of -0 is said by hand.
      return reply.map((part, i) => (i % 2 === 0 ? part.toString('latin1') : scoreOf(part))).join('\n');
    }),
  );
  return a === b;
}

function scoreOf(text: Buffer): string {
  const score = Number(text.toString().replace('inf', 'Infinity'));
  return Object.is(score, -0) ? '-0' : String(score);
}

interface Described {
  types: Reply[];
  expiries: Reply[];
  digests: Reply[];
}

async function describe({ client, exactTtl }: Side, keys: Buffer[]): Promise<Described> {
  const expiry = exactTtl ? 'PEXPIRETIME' : 'PTTL';
  const replies = await client.pipeline([
    ...keys.map((key) => ['TYPE', key]),
    ...keys.map((key) => [expiry, key]),
    ['DEBUG', 'DIGEST-VALUE', ...keys],
  ]);
  const digests = replies.pop();
  if (!Array.isArray(digests)) throw new Error(`DEBUG DIGEST-VALUE: ${String(digests)}`);
  return { types: replies.slice(0, keys.length), expiries: replies.slice(keys.length), digests };
}

function differenceOf(
  source: Described,
  target: Described,
  i: number,
  tolerance: number,
): string | undefined {
  const both = (a: Reply | undefined, b: Reply | undefined): string =>
    `${String(a)} in the source, ${String(b)} in the target`;
  if (target.types[i] === 'none') return source.types[i] === 'none' ? undefined : 'only in the source';
  if (source.types[i] !== target.types[i]) return `type ${both(source.types[i], target.types[i])}`;
  const [a, b] = [Number(source.expiries[i]), Number(target.expiries[i])];
  if (a < 0 !== b < 0 || Math.abs(a - b) > tolerance) return `expiry ${both(a, b)}`;
  if (source.digests[i] !== target.digests[i]) {
    return `${String(source.types[i])} values differ: ${both(source.digests[i], target.digests[i])}`;
  }
  return undefined;
}

/** DEBUG DIGEST-VALUE covers a stream's entries only: ids, counters, groups, consumers and pending entries are compared here. */
async function compareStreams(pass: Pass, db: number, keys: Buffer[]): Promise<void> {
  const commands = keys.map((key) => ['XINFO', 'STREAM', key, 'FULL', 'COUNT', 0]);
  const [source, target] = await Promise.all([
    pass.source.client.pipeline(commands),
    pass.target.client.pipeline(commands),
  ]);
  for (const [i, key] of keys.entries()) {
    const [a, b] = [stateOf(source[i], pass.notState), stateOf(target[i], pass.notState)];
    if (a !== b) pass.differences.push(`${place(db, key)}: stream ${firstDifference(a, b)}`);
  }
}

function stateOf(reply: Reply | undefined, notState: ReadonlySet<string>): string {
  const readable = (part: Reply | undefined): unknown => {
    if (Buffer.isBuffer(part)) return part.toString('latin1');
    if (!Array.isArray(part)) return part instanceof ReplyError ? part.message : part;
    const items = part.map(readable);
    const kept: unknown[] = [];
    for (let i = 0; i < items.length; i++) {
      if (notState.has(items[i] as string)) i++;
      else kept.push(items[i]);
    }
    return kept;
  };
  return JSON.stringify(readable(reply));
}

function firstDifference(a: string, b: string): string {
  let at = 0;
  while (at < a.length && a[at] === b[at]) at++;
  const from = Math.max(0, at - 60);
  return `state ...${a.slice(from, at + 60)}... in the source, ...${b.slice(from, at + 60)}... in the target`;
}

async function compareFunctions(pass: Pass): Promise<void> {
  const list = async ({ client }: Side): Promise<string[]> => {
    const [reply] = await client.pipeline([['FUNCTION', 'LIST', 'WITHCODE']]);
    if (!Array.isArray(reply)) return [];
    return reply.map((library) => stateOf(library, new Set())).sort();
  };
  const [source, target] = await Promise.all([list(pass.source), list(pass.target)]);
  const state = [JSON.stringify(source), JSON.stringify(target)] as const;
  if (state[0] !== state[1]) pass.differences.push(`functions: ${firstDifference(...state)}`);
}

function place(db: number, key: Buffer): string {
  return `db ${db} key ${JSON.stringify(key.toString('latin1'))}`;
}
