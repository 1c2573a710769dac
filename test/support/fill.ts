/** Fills a server with data to be copied: keys of all types and encodings, or very many strings. */
import { once } from 'node:events';
import { createConnection } from 'node:net';
import { Random } from './random.ts';
import type { RedisServer } from './redis-server.ts';
import { ReplyError } from './reply-parser.ts';
import type { Arg } from './resp-client.ts';
import { EXTREME_SCORES } from './write-values.ts';

export interface FillOptions {
  seed?: number;
  /** the keys are spread over databases 0 to databases - 1 */
  databases?: number;
  /** elements of a large list, hash, set, sorted set or stream; more than any compact encoding holds */
  largeElements?: number;
  /** begins each key's name */
  prefix?: string;
  /** types to make; without it all */
  types?: readonly FillType[];
}

export type FillType =
  | 'string'
  | 'expiring'
  | 'list'
  | 'intset'
  | 'set'
  | 'hash'
  | 'zset'
  | 'stream'
  | 'hyperloglog';

interface Recipe {
  readonly random: Random;
  readonly key: Arg;
  readonly large: number;
}

/** Of so many keys in a database one of each type is large: those of the second turn. */
const LARGE_EVERY = 2000;
/** Elements in one command at most. */
const CHUNK = 500;

function chunked(command: Arg[], elements: Arg[][]): Arg[][] {
  const commands: Arg[][] = [];
  for (let i = 0; i < elements.length; i += CHUNK) {
    commands.push([...command, ...elements.slice(i, i + CHUNK).flat()]);
  }
  return commands;
}

/** Few elements, or with `large` so many. */
function elements(recipe: Recipe, make: (index: number) => Arg[]): Arg[][] {
  return recipe.random.times(recipe.large || 1 + recipe.random.int(12), make);
}

function text(random: Random): Arg {
  const kind = random.int(10);
  if (kind === 0) return random.bytes(1 + random.int(100));
  if (kind < 3) return random.int(2 ** 32) - 2 ** 31;
  return random.text(4 + random.int(40));
}

function stringOf({ random, large }: Recipe): Arg {
  if (large) return random.bytes(large * 20);
  const kind = random.int(6);
  if (kind === 0) return random.int(2 ** 31);
  if (kind === 1) return '9007199254740993';
  if (kind === 2) return '';
  // Compressible: the RDB holds it as LZF.
  if (kind === 3) return `${random.text(8)}${'abc'.repeat(30)}`;
  return text(random);
}

function stream(recipe: Recipe): Arg[][] {
  const { random, key, large } = recipe;
  const count = large || 1 + random.int(8);
  const commands: Arg[][] = random.times(count, (i) => [
    'XADD',
    key,
    `${1 + i}-${i}`,
    'f',
    text(random),
    'g',
    i,
  ]);
  if (random.chance(0.2)) commands.push(['XADD', key, `${count + 1}-0`, 'other', text(random)]);
  commands.push(['XDEL', key, '1-0']);
  for (const group of ['workers', Buffer.from([0, 10, 255])].slice(0, random.int(3))) {
    commands.push(
      ['XGROUP', 'CREATE', key, group, '0'],
      ['XREADGROUP', 'GROUP', group, 'alice', 'COUNT', 3, 'STREAMS', key, '>'],
      ['XREADGROUP', 'GROUP', group, 'bob', 'COUNT', 2, 'STREAMS', key, '>'],
      ['XACK', key, group, '2-1'],
      // A pending entry whose message is gone.
      ['XDEL', key, '3-2'],
    );
  }
  return commands;
}

const makers: Record<FillType, (recipe: Recipe) => Arg[][]> = {
  string: (recipe) => [['SET', recipe.key, stringOf(recipe)]],
  expiring: (recipe) => [['SET', recipe.key, stringOf(recipe), 'PX', 100_000_000 + recipe.random.int(1e9)]],
  list: (recipe) =>
    chunked(
      ['RPUSH', recipe.key],
      elements(recipe, () => [text(recipe.random)]),
    ),
  intset: (recipe) => {
    const size = recipe.random.pick([2 ** 15, 2 ** 31, 2 ** 52]);
    return chunked(
      ['SADD', recipe.key],
      elements(recipe, () => [recipe.random.int(size) - size / 2]),
    );
  },
  set: (recipe) =>
    chunked(
      ['SADD', recipe.key],
      elements(recipe, () => [text(recipe.random)]),
    ),
  hash: (recipe) =>
    chunked(
      ['HSET', recipe.key],
      elements(recipe, (i) => [`field:${i}`, text(recipe.random)]),
    ),
  zset: (recipe) => {
    const { random, key } = recipe;
    const score = (): string =>
      random.chance(0.1) ? random.pick(EXTREME_SCORES) : String(random.next() * 1e6);
    const commands = chunked(
      ['ZADD', key],
      elements(recipe, (i) => [score(), `member:${i}`]),
    );
    // A listpack would store it as 0.
    if (recipe.large) commands.push(['ZADD', key, '-0.0', 'minus zero']);
    return commands;
  },
  stream,
  hyperloglog: (recipe) =>
    chunked(
      ['PFADD', recipe.key],
      elements(recipe, () => [text(recipe.random)]),
    ),
};

/**
 * Makes `keys` keys of all types in turn, small and large, a tenth of them with an expiry far in the future, and one function library
 * where the server knows functions. The same seed makes the same data (but for times).
 */
export async function fill(
  server: Pick<RedisServer, 'connect'>,
  keys: number,
  options: FillOptions = {},
): Promise<void> {
  const { seed = 1, databases = 3, largeElements = 700, prefix = 'fill' } = options;
  const types = options.types ?? (Object.keys(makers) as FillType[]);
  const random = new Random(seed);
  const client = await server.connect();
  try {
    for (let db = 0; db < databases; db++) {
      await client.call('SELECT', db);
      let commands: Arg[][] = [];
      const send = async (): Promise<void> => {
        const failed = (await client.pipeline(commands)).find((reply) => reply instanceof ReplyError);
        if (failed) throw failed;
        commands = [];
      };
      for (let i = db; i < keys; i += databases) {
        const round = Math.floor(i / databases);
        const type = types[round % types.length] as FillType;
        const turn = Math.floor((round % LARGE_EVERY) / types.length);
        const large = turn === 1 ? largeElements : 0;
        const key =
          i % 50 === 7 ? Buffer.from(`${prefix}\r\n\0\xff${i}`, 'latin1') : `${prefix}:${type}:${i}`;
        commands.push(...makers[type]({ random, key, large }));
        if (i % 10 === 3) commands.push(['PEXPIRE', key, 100_000_000 + random.int(1e9)]);
        if (commands.length >= 500) await send();
      }
      await send();
    }
    await client.pipeline([['FUNCTION', 'LOAD', 'REPLACE', LIBRARY]]);
  } finally {
    client.close();
  }
}

const LIBRARY = `#!lua name=fill
redis.register_function('fill_echo', function(keys, args) return args[1] end)`;

export interface FillStringsOptions {
  /** values that LZF can shorten; without it random bytes */
  compressible?: boolean;
  seed?: number;
  prefix?: string;
  /** the server makes the keys itself, with DEBUG POPULATE: fastest, values are zeros behind `value:N` */
  populate?: boolean;
}

const BLOCK_BYTES = 1024 * 1024;
const OK_BYTES = 5;

/** Sets `count` strings of `size` bytes, `prefix:0` and on, in database 0, through one connection without an object per key. */
export async function fillStrings(
  server: RedisServer,
  count: number,
  size: number,
  options: FillStringsOptions = {},
): Promise<void> {
  const { compressible = false, seed = 1, prefix = 'key', populate = false } = options;
  if (populate) {
    await server.call('DEBUG', 'POPULATE', count, prefix, size);
    return;
  }
  const pool = compressible
    ? Buffer.alloc(BLOCK_BYTES + size, 'the same words again, ')
    : new Random(seed).bytes(BLOCK_BYTES + size);
  const random = new Random(seed);
  const frame = 64 + prefix.length + size;
  await sendFrames(server, count, frame, (block, at, i) => {
    const key = `${prefix}:${i}`;
    let end = at + block.write(`*3\r\n$3\r\nSET\r\n$${key.length}\r\n${key}\r\n$${size}\r\n`, at, 'latin1');
    const from = random.int(BLOCK_BYTES);
    end += pool.copy(block, end, from, from + size);
    return end + block.write('\r\n', end, 'latin1');
  });
}

/**
 * Writes `count` commands that are each answered by +OK, at full speed: `put` writes command `i` at `at` and returns where it ends.
 * `frame` is what one command takes at most, in bytes.
 */
export async function sendFrames(
  server: RedisServer,
  count: number,
  frame: number,
  put: (block: Buffer, at: number, i: number) => number,
): Promise<void> {
  const socket = createConnection({ host: server.host, port: server.port });
  await once(socket, 'connect');
  let repliedBytes = 0;
  const replied = new Promise<void>((resolve, reject) => {
    socket.on('data', (chunk: Buffer) => {
      repliedBytes += chunk.length;
      if (chunk.includes('-')) reject(new Error(`refused: ${chunk.toString().slice(0, 200)}`));
      if (repliedBytes >= count * OK_BYTES) resolve();
    });
    socket.once('error', reject);
    socket.once('close', () => reject(new Error('the server closed the connection')));
  });
  replied.catch(() => socket.destroy());
  try {
    for (let i = 0; i < count && !socket.destroyed; ) {
      const block = Buffer.allocUnsafe(Math.max(BLOCK_BYTES, frame));
      let at = 0;
      while (i < count && at + frame <= block.length) at = put(block, at, i++);
      if (!socket.write(block.subarray(0, at))) await Promise.race([once(socket, 'drain'), replied]);
    }
    await replied;
  } finally {
    socket.destroy();
  }
}
