import type { RespClient } from '../../net/client.ts';
import { ServerError } from '../../net/server-error.ts';
import { Crc64 } from '../../protocol/checksum/crc64.ts';
import type { Readable } from '../../protocol/rdb/transcode/readable.ts';

/** What a target understands. Each line names the first version of Redis that does; every Valkey does too, unless it says otherwise. */
export interface Dialect {
  /** `redis 6.0.16`, for words to people */
  readonly name: string;
  /** the Redis whose options of commands it takes, as major * 100 + minor; Infinity: its version can't be read */
  readonly commandsOf: number;
  /** the RDB versions that RESTORE takes */
  readonly readable: Readable;
  /** RESTORE with REPLACE: 3.0 */
  readonly replace: boolean;
  /** HSET with several fields: 4.0 */
  readonly variadicHset: boolean;
  /** RESTORE with ABSTTL, IDLETIME and FREQ; streams: 5.0 */
  readonly absoluteTtl: boolean;
  readonly streams: boolean;
  /** UNLINK that does not end a server which holds a stream without groups (lazyfree.c, lazyfreeGetFreeEffort), at least in most releases: 6.2 */
  readonly unlink: boolean;
  /** SET with PXAT; XGROUP CREATECONSUMER: 6.2 */
  readonly pxat: boolean;
  readonly createConsumer: boolean;
  /** XSETID and XGROUP CREATE with counters; function libraries: 7.0 */
  readonly streamCounters: boolean;
  readonly functions: boolean;
  /** fields of a hash that expire: Redis 7.4, Valkey 9 */
  readonly fieldExpiry: boolean;
  /** RESTORE refuses a value whose module is not there: 6.2. Before, the server ends itself (rdb.c, rdbLoadObject). */
  readonly refusesModules: boolean;
  /** the modules that are loaded, in lower case; empty where they are not told */
  readonly modules: ReadonlySet<string>;
}

/** By the version that the server tells; one whose version can't be read is taken for a new Redis, whose own refusal is final. */
export function dialectOf(flavour: 'redis' | 'valkey', version: string): Dialect {
  const [major = Number.NaN, minor = 0] = version.split('.').map(Number);
  const valkey = flavour === 'valkey';
  const since = (a: number, b: number): boolean =>
    valkey || Number.isNaN(major) || major > a || (major === a && minor >= b);
  return {
    name: `${flavour} ${version}`,
    commandsOf: commandsOf(flavour, version),
    readable: valkey
      ? { redis: VALKEY_SHARED, valkey: !(major < 9) }
      : { redis: newest(since), valkey: false },
    replace: since(3, 0),
    variadicHset: since(4, 0),
    unlink: since(6, 2),
    absoluteTtl: since(5, 0),
    streams: since(5, 0),
    pxat: since(6, 2),
    createConsumer: since(6, 2),
    streamCounters: since(7, 0),
    functions: since(7, 0),
    fieldExpiry: valkey ? !(major < 9) : since(7, 4),
    refusesModules: since(6, 2),
    modules: new Set(),
  };
}

/** Every Valkey grew out of Redis 7.2, and has options of its own since. */
const VALKEY_GREW_OUT_OF = 702;

/** See Dialect: of a source, the newest options that it can use. */
export function commandsOf(flavour: 'redis' | 'valkey', version: string): number {
  if (flavour === 'valkey') return VALKEY_GREW_OUT_OF;
  const [major = Number.NaN, minor = 0] = version.split('.').map(Number);
  return Number.isNaN(major) ? Number.POSITIVE_INFINITY : major * 100 + minor;
}

/** The last RDB version that Redis and Valkey share; Valkey refuses Redis's later ones (rdb.h, RDB_FOREIGN_VERSION_MIN). */
const VALKEY_SHARED = 11;

/** RDB versions by the Redis that brought them (RDB_VERSION in rdb.h of each), newest first. */
const RDB_VERSIONS: readonly (readonly [major: number, minor: number, version: number])[] = [
  [8, 6, 13],
  [7, 4, 12],
  [7, 2, 11],
  [7, 0, 10],
  [5, 0, 9],
  [4, 0, 8],
  [3, 2, 7],
];
const OLDEST = 6;
const VALKEY_OWN = 80;

function newest(since: (major: number, minor: number) => boolean): number {
  return RDB_VERSIONS.find(([major, minor]) => since(major, minor))?.[2] ?? OLDEST;
}

/** A type byte that no server knows. */
const NO_TYPE = 255;
const PROBE_KEY = 'naru:probe';

/**
 * The same, with what RESTORE takes found out by asking, since a service may tell the version of one server and be another. Nothing is
 * written: the payload's type does not exist, which a server sees after it has looked at the version (cluster.c, restoreCommand: the first
 * refusal is about "version or checksum", the second about "Bad data format"). Where the answer is another one, the table counts.
 */
export async function askDialect(
  client: RespClient,
  flavour: 'redis' | 'valkey',
  version: string,
): Promise<Dialect> {
  const dialect = { ...dialectOf(flavour, version), modules: await askModules(client) };
  const readable = await askReadable(client, flavour);
  return readable === undefined ? dialect : { ...dialect, readable };
}

/** What RESTORE takes; undefined: the answers do not tell. */
export async function askReadable(
  client: RespClient,
  flavour: 'redis' | 'valkey',
): Promise<Readable | undefined> {
  const versions = [...RDB_VERSIONS.map((row) => row[2]), OLDEST, VALKEY_OWN];
  const takes = await Promise.all(versions.map((each) => takesVersion(client, each)));
  if (takes.includes(undefined)) return undefined;
  const taken = versions.filter((_, i) => takes[i] === true);
  const shared = taken.filter((each) => each !== VALKEY_OWN);
  if (shared.length === 0) return undefined;
  // Before 80 was Valkey's, a Redis compared numbers only: what it says of 80 counts for a Valkey alone.
  return { redis: Math.max(...shared), valkey: flavour === 'valkey' && taken.includes(VALKEY_OWN) };
}

async function askModules(client: RespClient): Promise<ReadonlySet<string>> {
  try {
    const list = await client.call('MODULE', 'LIST');
    // Each: name, its value, and further pairs.
    const names = Array.isArray(list) ? list.flatMap((each) => (Array.isArray(each) ? [each[1]] : [])) : [];
    return new Set(names.map((name) => String(name).toLowerCase()));
  } catch (error) {
    if (error instanceof ServerError) return new Set();
    throw error;
  }
}

/** Modules by the names of their types, in lower case. */
const MODULES_OF_TYPES: readonly (readonly [type: RegExp, module: string])[] = [
  [/^ReJSON-RL$/, 'rejson'],
  [/^(MBbloom|CMSk-TYPE|TopK-TYPE|TDIS-TYPE)/, 'bf'],
  [/^TSDB-TYPE$/, 'timeseries'],
  [/^ft_/, 'search'],
  [/^graphdata$/, 'graph'],
  [/^vectorset$/, 'vectorset'],
];

/** Whether a value of a module's type may be sent at all: one that might end the server only where its module is known to be there. */
export function maySendModule({ refusesModules, modules }: Dialect, type: string): boolean {
  if (refusesModules) return true;
  const known = MODULES_OF_TYPES.find(([pattern]) => pattern.test(type));
  return modules.has(known?.[1] ?? type.toLowerCase());
}

/** undefined: the answer does not tell. */
async function takesVersion(client: RespClient, version: number): Promise<boolean | undefined> {
  try {
    await client.call('RESTORE', PROBE_KEY, 0, emptyPayload(version));
    return undefined;
  } catch (error) {
    if (!(error instanceof ServerError)) throw error;
    if (/Bad data format/i.test(error.text)) return true;
    return /version or checksum/i.test(error.text) ? false : undefined;
  }
}

function emptyPayload(version: number): Buffer {
  const payload = Buffer.alloc(11);
  payload[0] = NO_TYPE;
  payload.writeUInt16LE(version, 1);
  const crc = new Crc64();
  crc.update(payload, 0, 3);
  crc.writeTo(payload, 3);
  return payload;
}

/** What several servers all understand. */
export function commonDialect(dialects: readonly Dialect[]): Dialect {
  const [first, ...others] = dialects as [Dialect, ...Dialect[]];
  return others.reduce(both, first);
}

function both(a: Dialect, b: Dialect): Dialect {
  const flags = Object.entries(b).filter(([, value]) => typeof value === 'boolean') as [
    keyof Dialect,
    boolean,
  ][];
  return {
    ...a,
    ...Object.fromEntries(flags.map(([flag, value]) => [flag, value && a[flag]])),
    name: a.name === b.name ? a.name : `${a.name}, ${b.name}`,
    commandsOf: Math.min(a.commandsOf, b.commandsOf),
    readable: {
      redis: Math.min(a.readable.redis, b.readable.redis),
      valkey: a.readable.valkey && b.readable.valkey,
    },
    modules: new Set([...a.modules].filter((name) => b.modules.has(name))),
  };
}
