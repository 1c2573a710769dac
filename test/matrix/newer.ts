/** What newer servers can hold that `fill` and `Writer` do not make: fields of a hash that expire, vector sets, what only their own SET and XADD know. */
import type { Random } from '../support/random.ts';
import type { RedisServer } from '../support/redis-server.ts';
import { type Reply, ReplyError } from '../support/reply-parser.ts';
import type { Arg } from '../support/resp-client.ts';

type Make = (random: Random) => Arg[][];

/** Commands, and one of them (on a key that is not there) by which a server is asked whether it knows them. */
interface Novelty {
  readonly probe: Arg[];
  /** before the migration only */
  readonly once?: true;
  readonly make: Make;
}

const KEYS = 40;
const FIELDS = 60;

const hash = (r: Random): string => `timed:${r.int(KEYS)}`;
const field = (r: Random): Arg => (r.chance(0.05) ? Buffer.from([0, 13, 10, 255]) : `f${r.int(FIELDS)}`);
const seconds = (r: Random): number => 100_000 + r.int(1_000_000);
const text = (r: Random): string => r.text(1 + r.int(40));
const vector = (r: Random): string => `vectors:${r.int(4)}`;

/** Some of the hashes are small enough for a listpack, some are not. */
function timedHash(r: Random): Arg[][] {
  const key = hash(r);
  const fields = r.times(r.chance(0.2) ? 300 : 1 + r.int(6), (i) => [`f${i}`, text(r)]).flat();
  return [
    ['HSET', key, ...fields],
    ['HPEXPIRE', key, seconds(r) * 1000, 'FIELDS', 2, 'f0', field(r)],
  ];
}

const NOVELTIES: readonly Novelty[] = [
  { probe: ['HPEXPIRE', 'naru:none', 1, 'FIELDS', 1, 'f'], make: timedHash },
  {
    probe: ['HEXPIRE', 'naru:none', 1, 'FIELDS', 1, 'f'],
    make: (r) => [
      ['HEXPIRE', hash(r), seconds(r), 'FIELDS', 2, field(r), field(r)],
      ['HEXPIRE', hash(r), seconds(r), r.pick(['NX', 'XX', 'GT', 'LT']), 'FIELDS', 1, field(r)],
      ['HPEXPIREAT', hash(r), Date.now() + seconds(r) * 1000, 'FIELDS', 1, field(r)],
      ['HPERSIST', hash(r), 'FIELDS', 2, field(r), field(r)],
      // It is gone at once: the stream has to say so.
      ['HPEXPIRE', hash(r), 0, 'FIELDS', 1, field(r)],
      ['HINCRBY', hash(r), `n${r.int(5)}`, 1],
      ['HDEL', hash(r), field(r)],
    ],
  },
  {
    probe: ['HGETEX', 'naru:none', 'PERSIST', 'FIELDS', 1, 'f'],
    make: (r) => [
      ['HSETEX', hash(r), 'EX', seconds(r), 'FIELDS', 2, field(r), text(r), field(r), 'EX'],
      ['HSETEX', hash(r), 'KEEPTTL', 'FIELDS', 1, field(r), text(r)],
      ['HGETEX', hash(r), 'PX', seconds(r) * 1000, 'FIELDS', 1, field(r)],
      ['HGETEX', hash(r), 'PERSIST', 'FIELDS', 1, field(r)],
    ],
  },
  {
    probe: ['HGETDEL', 'naru:none', 'FIELDS', 1, 'f'],
    make: (r) => [['HGETDEL', hash(r), 'FIELDS', 1, field(r)]],
  },
  {
    probe: ['SET', 'naru:none', 'v', 'IFEQ', 'w'],
    make: (r) => [
      ['SET', 'matched', 'a', 'EX', seconds(r)],
      ['SET', 'matched', text(r), 'IFEQ', 'a', 'PX', seconds(r) * 1000],
    ],
  },
  {
    probe: ['DELIFEQ', 'naru:none', 'w'],
    make: () => [
      ['SET', 'removed', 'a'],
      ['DELIFEQ', 'removed', 'a'],
    ],
  },
  {
    probe: ['MSETEX', 1, 'naru:none', 'v', 'XX'],
    make: (r) => [['MSETEX', 2, 'many:1', text(r), `many:${r.int(9)}`, text(r), 'EX', seconds(r)]],
  },
  {
    probe: ['XACKDEL', 'naru:none', 'g', 'IDS', 1, '1-1'],
    make: (r) => [
      ['XADD', 'events', '*', 'f', text(r)],
      ['XTRIM', 'events', 'MAXLEN', '~', 50, 'DELREF'],
      ['XGROUP', 'CREATE', 'events', 'g', '0'],
      ['XREADGROUP', 'GROUP', 'g', 'c', 'COUNT', 1, 'STREAMS', 'events', '>'],
      ['XDELEX', 'events', 'ACKED', 'IDS', 1, '1-1'],
    ],
  },
  {
    probe: ['XADD', 'naru:none', 'NOMKSTREAM', 'IDMP', 'p', 'i', '*', 'f', 'v'],
    make: (r) => [['XADD', 'once', 'IDMP', `p${r.int(3)}`, r.int(20), '*', 'f', text(r)]],
  },
  {
    probe: ['VCARD', 'naru:none'],
    // In the snapshot only: a plain replica of Redis 8.0 does not follow VADD on an element that exists.
    once: true,
    make: (r) => [['VADD', vector(r), 'VALUES', 3, r.next(), r.next(), r.next(), `e${r.int(30)}`]],
  },
];

/** Fills a server with what it knows of these, and returns the commands that a writer may go on with. */
export async function fillNewer(server: RedisServer, random: Random): Promise<Make> {
  const replies = await server.pipeline(NOVELTIES.map(({ probe }) => probe));
  const known = NOVELTIES.filter((_, i) => !isUnknown(replies[i]));
  for (let i = 0; i < 100; i++) await server.pipeline(known.flatMap(({ make }) => make(random)));
  const live = known.filter(({ once }) => !once);
  return (r) => live.flatMap(({ make }) => make(r));
}

const isUnknown = (reply: Reply | undefined): boolean =>
  reply instanceof ReplyError && /unknown command|syntax error|invalid stream id/i.test(reply.message);

/** What DEBUG DIGEST-VALUE leaves out: when fields expire, the vectors of a vector set. One line for each key that differs. */
export async function compareNewer(
  source: RedisServer,
  target: RedisServer,
  missing: ReadonlySet<string> = new Set(),
): Promise<string[]> {
  const differences: string[] = [];
  const clients = await Promise.all([source.connect(), target.connect()]);
  const [client] = clients;
  try {
    for (let db = 0; db < DATABASES; db++) {
      for (const each of clients) await each.call('SELECT', db);
      const [, keys] = (await client.call('SCAN', 0, 'COUNT', 1_000_000)) as [string, Buffer[]];
      const questions = (await client.pipeline(keys.map((key) => ['TYPE', key]))).map(async (type, i) => {
        const key = keys[i] as Buffer;
        if (String(type) === 'vectorset') return missing.has('VADD') ? [] : vectorQuestions(key);
        if (String(type) === 'hash')
          return fieldQuestions(key, ((await client.call('HKEYS', key)) as Buffer[]).sort(Buffer.compare));
        return [];
      });
      const asked = (await Promise.all(questions)).flat();
      const [a, b] = await Promise.all(clients.map((each) => each.pipeline(asked)));
      for (const [i, question] of asked.entries()) {
        if (isUnknown(a?.[i]) || isUnknown(b?.[i]) || String(a?.[i]) === String(b?.[i])) continue;
        differences.push(
          `db ${db}: ${question.slice(0, 2).join(' ')}: ${a?.[i]} in the source, ${b?.[i]} in the target`,
        );
      }
    }
    return differences.slice(0, 5);
  } finally {
    for (const each of clients) each.close();
  }
}

const DATABASES = 16;

const fieldQuestions = (key: Buffer, fields: Buffer[]): Arg[][] => [
  ['HLEN', key],
  ['HMGET', key, ...fields],
  ['HPEXPIRETIME', key, 'FIELDS', fields.length, ...fields],
];

const vectorQuestions = (key: Buffer): Arg[][] => [
  ['VCARD', key],
  ...Array.from({ length: 30 }, (_, i) => ['VEMB', key, `e${i}`]),
];
