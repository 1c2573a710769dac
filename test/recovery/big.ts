import { Random } from '../support/random.ts';
import type { RedisServer } from '../support/redis-server.ts';
import { ReplyError } from '../support/reply-parser.ts';
import type { Arg } from '../support/resp-client.ts';

const ELEMENT_BYTES = 100;
const CHUNK = 200;
const FAR_MS = 100_000_000;

export const BIG_TYPES = ['string', 'list', 'set', 'zset', 'hash', 'stream'] as const;
export type BigType = (typeof BIG_TYPES)[number];

/** Keys of about `bytes` bytes, one of each type in databases 0, 3 and 9, those in database 3 with an expiry. */
export async function fillBig(server: RedisServer, bytes: number, prefix = 'big'): Promise<void> {
  const random = new Random(9);
  const client = await server.connect();
  try {
    for (const db of [0, 3, 9]) {
      const commands: Arg[][] = [['SELECT', db]];
      for (const type of BIG_TYPES) {
        const key = `${prefix}:${type}`;
        commands.push(...big(random, type, key, bytes));
        if (db === 3) commands.push(['PEXPIRE', key, FAR_MS + random.int(1e6)]);
      }
      const failed = (await client.pipeline(commands)).find((reply) => reply instanceof ReplyError);
      if (failed) throw failed;
    }
  } finally {
    client.close();
  }
}

/** The commands that make one large key. */
export function big(random: Random, type: BigType, key: string, bytes: number): Arg[][] {
  if (type === 'string') return [['SET', key, random.bytes(bytes)]];
  const count = Math.ceil(bytes / ELEMENT_BYTES);
  const element = (i: number): Arg[] => {
    const value = `${i}:${random.text(ELEMENT_BYTES - 10)}`;
    if (type === 'hash') return [`field:${i}`, value];
    if (type === 'zset') return [random.next() * 1e6, value];
    return [value];
  };
  if (type === 'stream') {
    const entries = random.times(count, (i): Arg[] => ['XADD', key, `${i + 1}-1`, 'f', element(i)[0] as Arg]);
    return [
      ...entries,
      ['XGROUP', 'CREATE', key, 'g', '0'],
      ['XREADGROUP', 'GROUP', 'g', 'c', 'COUNT', 50, 'STREAMS', key, '>'],
    ];
  }
  const add = { list: 'RPUSH', set: 'SADD', zset: 'ZADD', hash: 'HSET' }[type];
  const commands: Arg[][] = [];
  for (let i = 0; i < count; i += CHUNK) {
    commands.push([add, key, ...random.times(Math.min(CHUNK, count - i), (n) => element(i + n)).flat()]);
  }
  return commands;
}
