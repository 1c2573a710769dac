/** Writes to one server or to a cluster, and has a model follow each command that was acknowledged. */
import { keySlot } from '../../src/net/topology/slot.ts';
import type { RedisCluster } from './cluster.ts';
import { keptAt, Model } from './model.ts';
import { Random } from './random.ts';
import type { RedisServer } from './redis-server.ts';
import { type Reply, ReplyError } from './reply-parser.ts';
import type { RespClient } from './resp-client.ts';

const LIBRARY = `#!lua name=model
redis.register_function('bump', function(keys, args)
  return redis.call('RPUSH', keys[1], args[1])
end)`;
const TWO_KEYS = "redis.call('INCR', KEYS[1]) return redis.call('APPEND', KEYS[2], ARGV[1])";
/** Answers of a cluster that is changing: nothing was done. */
const CHANGING = /^(MOVED|ASK|TRYAGAIN|CLUSTERDOWN|READONLY|LOADING|MASTERDOWN|EXECABORT)/;
const NAMES = [
  's0',
  's1',
  's2',
  'n0',
  'l0',
  'l1',
  'l2',
  't0',
  't1',
  't2',
  'h0',
  'z0',
  'z1',
  'z2',
  'q0',
  'b0',
];
const GROUPS = 40;
const RETRIES_MAX = 6000;
const PAUSE_MS = 5;

/** A command as it is sent, and what it consists of. */
interface Step {
  readonly sent: string[];
  readonly does: string[][];
}

/** What is written to, and who has a slot now. */
export interface Written {
  /** all keys of a group are in one slot */
  readonly tagged: boolean;
  masters(): Promise<RedisServer[]>;
  ownerOf(slot: number): Promise<RedisServer>;
}

export function oneServer(server: RedisServer): Written {
  return { tagged: false, masters: async () => [server], ownerOf: async () => server };
}

export function ofCluster(cluster: RedisCluster): Written {
  return {
    tagged: true,
    masters: async () => (await cluster.masters()).map(({ server }) => server),
    ownerOf: async (slot) => (await cluster.masterOf(slot)).server,
  };
}

/** Each group of keys has one connection, which waits for each answer: so the order of what is done to a key is known. */
export class ModelWriter {
  readonly model: Model = new Model();
  /** commands that were acknowledged; times that a group was read back since nobody knew */
  written = 0;
  readBack = 0;
  readonly #to: Written;
  readonly #running: Promise<void>[] = [];
  #stopping = false;
  #waiters: { at: number; resolve(): void; reject(error: unknown): void }[] = [];

  private constructor(to: Written) {
    this.#to = to;
  }

  static async start(to: Written, seed: number): Promise<ModelWriter> {
    for (const server of await to.masters()) await server.call('FUNCTION', 'LOAD', 'REPLACE', LIBRARY);
    const writer = new ModelWriter(to);
    for (let group = 0; group < GROUPS; group++) {
      const running = writer.#group(group, new Random(seed * GROUPS + group));
      running.catch((error: unknown) => {
        writer.#stopping = true;
        for (const { reject } of writer.#waiters.splice(0)) reject(error);
      });
      writer.#running.push(running);
    }
    return writer;
  }

  /** A master that joins has to know the functions too. */
  static async teach(server: RedisServer): Promise<void> {
    await server.call('FUNCTION', 'LOAD', 'REPLACE', LIBRARY);
  }

  /** Resolves when so many more commands are acknowledged. */
  until(count: number): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiters.push({ at: this.written + count, resolve, reject });
    });
  }

  /** Resolves when the last answer has come. */
  async stop(): Promise<void> {
    this.#stopping = true;
    await Promise.all(this.#running);
  }

  async #group(group: number, random: Random): Promise<void> {
    const link = new GroupLink(this.#to, group);
    try {
      while (!this.#stopping) {
        const steps = stepsOf(random, (name) => link.key(name), this.#to.tagged);
        const replies = await link.send(steps);
        if (replies === undefined) {
          this.readBack++;
          for (const name of NAMES) await link.readBack(name, this.model);
          continue;
        }
        for (const [i, { does }] of steps.entries()) this.#did(does, replies[i] as Reply);
      }
    } finally {
      link.close();
    }
  }

  #did(does: readonly string[][], reply: Reply): void {
    if (reply instanceof ReplyError) {
      if (!/no such key/.test(reply.message)) throw new Error(`${does.join(' ; ')}: ${reply.message}`);
    } else for (const command of does) this.model.did(command, reply);
    this.written++;
    for (const { at, resolve } of this.#waiters) if (this.written >= at) resolve();
    this.#waiters = this.#waiters.filter(({ at }) => this.written < at);
  }
}

/** The connection of one group, to whoever has its slot. */
class GroupLink {
  readonly #to: Written;
  readonly #group: number;
  readonly #slot: number;
  #client: RespClient | undefined;

  constructor(to: Written, group: number) {
    this.#to = to;
    this.#group = group;
    const key = Buffer.from(this.key('s0'));
    this.#slot = keySlot(key, 0, key.length);
  }

  key(name: string): string {
    return this.#to.tagged ? `{m${this.#group}}${name}` : `m${this.#group}:${name}`;
  }

  close(): void {
    this.#client?.close();
  }

  /** One reply for each; several go as a transaction. Undefined: the connection was lost, and nobody knows what was done. */
  async send(steps: readonly Step[]): Promise<Reply[] | undefined> {
    const commands = steps.map(({ sent }) => sent);
    const whole = commands.length > 1 ? [['MULTI'], ...commands, ['EXEC']] : commands;
    for (let tries = 0; tries < RETRIES_MAX; tries++) {
      const client = await this.#connected();
      if (client === undefined) continue;
      let replies: Reply[];
      try {
        replies = await client.pipeline(whole);
      } catch {
        return undefined;
      }
      const last = replies.at(-1) as Reply;
      if (!(last instanceof ReplyError && CHANGING.test(last.message))) {
        return commands.length > 1 ? (last as Reply[]) : replies;
      }
      await this.#elsewhere();
    }
    throw new Error(`no answer to ${whole.join(' ; ')}`);
  }

  async readBack(name: string, model: Model): Promise<void> {
    const key = this.key(name);
    for (let tries = 0; tries < RETRIES_MAX; tries++) {
      const client = await this.#connected();
      try {
        if (client !== undefined) return model.take(key, await keptAt(client, key));
      } catch {
        // Another one has it by now.
      }
      await this.#elsewhere();
    }
    throw new Error(`no answer about ${key}`);
  }

  async #connected(): Promise<RespClient | undefined> {
    try {
      if (!this.#client?.connected) this.#client = await (await this.#to.ownerOf(this.#slot)).connect();
      return this.#client;
    } catch {
      await this.#elsewhere();
      return undefined;
    }
  }

  async #elsewhere(): Promise<void> {
    this.#client?.close();
    this.#client = undefined;
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
}

/** One command, or several in a transaction. */
function stepsOf(random: Random, key: (name: string) => string, tagged: boolean): Step[] {
  const count = random.chance(0.15) ? 2 + random.int(3) : 1;
  return random.times(count, () => stepOf(random, key, tagged));
}

function stepOf(r: Random, key: (name: string) => string, tagged: boolean): Step {
  const k = (kind: string, count: number): string => key(`${kind}${r.int(count)}`);
  const value = (): string => `v${r.int(200)}`;
  const pairs = (): string[] => [k('s', 3), value(), key('s0'), value()];
  const simple = (...sent: string[]) => ({ sent, does: [sent] });
  const [s, l, t, z] = [() => k('s', 3), () => k('l', 3), () => k('t', 3), () => k('z', 3)];
  const anyKey = (): string => key(r.pick(NAMES));
  return r.pick<() => Step>([
    () => simple('SET', s(), value()),
    () => simple('GETSET', s(), value()),
    // So that they do not grow for ever.
    () => simple(...(r.chance(0.2) ? ['SET', s(), ''] : ['APPEND', s(), value()])),
    () => simple('INCR', key('n0')),
    () => simple('DEL', anyKey(), anyKey()),
    () => simple('UNLINK', anyKey()),
    () => simple('MSET', ...pairs()),
    () => simple('RENAME', s(), s()),
    () => simple('RENAME', l(), l()),
    () => simple('COPY', key('s0'), key('s1'), 'REPLACE'),
    () => simple('COPY', key('z0'), key('z1'), 'REPLACE'),
    () => simple('LPUSH', l(), value()),
    () => simple('RPUSH', l(), value()),
    () => simple('LPOP', l()),
    () => simple('LPOP', l()),
    () => simple('LMOVE', l(), l(), 'LEFT', 'RIGHT'),
    () => simple('SADD', t(), value()),
    () => simple('SREM', t(), value()),
    () => simple('SINTERSTORE', t(), t(), t()),
    () => simple('SUNIONSTORE', t(), t(), t()),
    () => simple('HSET', key('h0'), value(), value()),
    () => simple('HINCRBY', key('h0'), `n${r.int(9)}`, String(r.int(9) - 4)),
    () => simple('HDEL', key('h0'), value()),
    () => simple('ZADD', z(), String(r.int(100)), value()),
    () => simple('ZINCRBY', z(), String(r.int(9)), value()),
    () => simple('ZUNIONSTORE', key('z2'), '2', key('z0'), key('z1')),
    () => simple('EXPIRE', anyKey(), String(10_000 + r.int(1_000_000))),
    () => simple('PERSIST', anyKey()),
    () => simple('XADD', key('q0'), '*', 'f', value()),
    () => simple('XTRIM', key('q0'), 'MAXLEN', String(1 + r.int(20))),
    () => simple('BITOP', 'OR', key('b0'), s(), s()),
    () => simple('SORT', l(), 'ALPHA', 'STORE', key('l2')),
    () => twoKeys(key('n0'), s(), value()),
    () => withoutKeys(key('l0'), key('t0'), value(), tagged),
    () => bump(l(), value()),
  ])();
}

function twoKeys(counter: string, text: string, value: string): Step {
  const does = [
    ['INCR', counter],
    ['APPEND', text, value],
  ];
  return { sent: ['EVAL', TWO_KEYS, '2', counter, text, value], does };
}

/** A cluster's node runs such a script only where the slot is its own. */
function withoutKeys(list: string, set: string, value: string, tagged: boolean): Step {
  const script = `redis.call('RPUSH', '${list}', '${value}') return redis.call('SADD', '${set}', '${value}')`;
  const does = [
    ['RPUSH', list, value],
    ['SADD', set, value],
  ];
  return { sent: ['EVAL', script, ...(tagged ? ['2', list, set] : ['0'])], does };
}

function bump(list: string, value: string): Step {
  return { sent: ['FCALL', 'bump', '1', list, value], does: [['RPUSH', list, value]] };
}
