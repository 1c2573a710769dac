/**
 * What a few write commands do, told independently of any server and of Naru: a run's source and its target must both hold exactly what the model
 * says. Only texts of ASCII are written.
 */
import type { RedisServer } from './redis-server.ts';
import type { Reply } from './reply-parser.ts';
import type { RespClient } from './resp-client.ts';

type Entry = readonly [id: string, fields: readonly string[]];

interface Values {
  string: string;
  list: string[];
  set: Set<string>;
  hash: Map<string, string>;
  zset: Map<string, number>;
  stream: Entry[];
}

export type Held = { [T in keyof Values]: { type: T; value: Values[T] } }[keyof Values];

interface Kept {
  held: Held;
  /** ms since 1970; -1: it does not expire */
  expireAtMs: number;
}

/** An expiry that counts from the server's receipt of a command. */
const TOLERANCE_MS = 60_000;

type Rule = (model: Model, args: readonly string[], reply: Reply) => void;

const RULES: Readonly<Record<string, Rule>> = {
  SET: (m, [k, v]) => m.put(k, { type: 'string', value: v as string }),
  GETSET: (m, [k, v]) => m.put(k, { type: 'string', value: v as string }),
  APPEND: (m, [k, v]) => m.keep(k, { type: 'string', value: m.text(k) + v }),
  INCR: (m, [k]) => m.keep(k, { type: 'string', value: String(Number(m.text(k)) + 1) }),
  DEL: (m, keys) => m.remove(keys),
  UNLINK: (m, keys) => m.remove(keys),
  MSET: (m, args) => {
    for (let i = 0; i < args.length; i += 2) m.put(args[i], { type: 'string', value: args[i + 1] as string });
  },
  RENAME: (m, [from, to]) => {
    m.copy(from, to);
    if (from !== to) m.remove([from as string]);
  },
  COPY: (m, [from, to], reply) => {
    if (reply === 1) m.copy(from, to);
  },
  LPUSH: (m, [k, v]) => m.keep(k, { type: 'list', value: [v as string, ...m.list(k)] }),
  RPUSH: (m, [k, v]) => m.keep(k, { type: 'list', value: [...m.list(k), v as string] }),
  LPOP: (m, [k]) => m.keep(k, { type: 'list', value: m.list(k).slice(1) }),
  LMOVE: (m, [from, to]) => {
    const [first, ...rest] = m.list(from);
    if (first === undefined) return;
    // Within one list it is no moment empty.
    if (from !== to) m.keep(from, { type: 'list', value: rest });
    m.keep(to, { type: 'list', value: [...(from === to ? rest : m.list(to)), first] });
  },
  SADD: (m, [k, v]) => m.keep(k, { type: 'set', value: new Set([...m.set(k), v as string]) }),
  SREM: (m, [k, v]) => m.keep(k, { type: 'set', value: new Set([...m.set(k)].filter((each) => each !== v)) }),
  SINTERSTORE: (m, [to, a, b]) =>
    m.put(to, { type: 'set', value: new Set([...m.set(a)].filter((each) => m.set(b).has(each))) }),
  SUNIONSTORE: (m, [to, a, b]) => m.put(to, { type: 'set', value: new Set([...m.set(a), ...m.set(b)]) }),
  HSET: (m, [k, f, v]) =>
    m.keep(k, { type: 'hash', value: new Map([...m.hash(k), [f as string, v as string]]) }),
  HINCRBY: (m, [k, f, by]) => {
    const value = new Map(m.hash(k));
    value.set(f as string, String(Number(value.get(f as string) ?? 0) + Number(by)));
    m.keep(k, { type: 'hash', value });
  },
  HDEL: (m, [k, f]) => m.keep(k, { type: 'hash', value: new Map([...m.hash(k)].filter(([x]) => x !== f)) }),
  ZADD: (m, [k, score, x]) =>
    m.keep(k, { type: 'zset', value: new Map(m.zset(k)).set(x ?? '', Number(score)) }),
  ZINCRBY: (m, [k, by, x]) => {
    const old = m.zset(k);
    m.keep(k, { type: 'zset', value: new Map(old).set(x ?? '', (old.get(x ?? '') ?? 0) + Number(by)) });
  },
  ZUNIONSTORE: (m, [to, , a, b]) => {
    const value = new Map(m.zset(a));
    for (const [x, score] of m.zset(b)) value.set(x, (value.get(x) ?? 0) + score);
    m.put(to, { type: 'zset', value });
  },
  EXPIRE: (m, [k, seconds]) => m.expire(k, Date.now() + 1000 * Number(seconds)),
  PERSIST: (m, [k]) => m.expire(k, -1),
  XADD: (m, [k, , f, v], reply) =>
    m.keep(k, { type: 'stream', value: [...m.stream(k), [String(reply), [f as string, v as string]]] }),
  XTRIM: (m, [k, , count]) => {
    if (m.stream(k).length > 0) m.keep(k, { type: 'stream', value: m.stream(k).slice(-Number(count)) });
  },
  BITOP: (m, [, to, a, b]) => {
    const [x, y] = [Buffer.from(m.text(a), 'latin1'), Buffer.from(m.text(b), 'latin1')];
    const bytes = Buffer.alloc(Math.max(x.length, y.length));
    for (let i = 0; i < bytes.length; i++) bytes[i] = (x[i] ?? 0) | (y[i] ?? 0);
    if (bytes.length === 0) m.remove([to as string]);
    else m.put(to, { type: 'string', value: bytes.toString('latin1') });
  },
  SORT: (m, [k, , , to]) => m.put(to, { type: 'list', value: [...m.list(k)].sort() }),
};

export class Model {
  readonly #keys = new Map<string, Kept>();

  /** A command that the source acknowledged; an error did nothing. `EVAL` and `FCALL` are told as the commands that they consist of. */
  did([name = '', ...args]: readonly string[], reply: Reply): void {
    const rule = RULES[name];
    if (rule === undefined) throw new Error(`the model does not know ${name}`);
    rule(this, args, reply);
  }

  get size(): number {
    return this.#keys.size;
  }

  /** Nobody knows what became of this key: takes what the server has. */
  take(key: string, kept: Kept | undefined): void {
    if (kept === undefined) this.#keys.delete(key);
    else this.#keys.set(key, kept);
  }

  /** What the servers together hold otherwise than this, or twice, or beside it; at most twenty lines. */
  async differences(servers: readonly RedisServer[]): Promise<string[]> {
    const lines: string[] = [];
    const seen = new Set<string>();
    for (const server of servers) {
      for (const [key, there] of await stateOf(server)) {
        const kept = this.#keys.get(key);
        if (seen.has(key)) lines.push(`${key}: held twice`);
        seen.add(key);
        if (kept === undefined) lines.push(`${key}: only at the server (${textOf(there.held)})`);
        else if (!same(kept, there)) {
          lines.push(
            `${key}: ${textOf(there.held)} ${there.expireAtMs}, not ${textOf(kept.held)} ${kept.expireAtMs}`,
          );
        }
      }
    }
    for (const key of this.#keys.keys()) if (!seen.has(key)) lines.push(`${key}: missing`);
    return lines.slice(0, 20);
  }

  // ---- for the rules

  /** In the place of whatever the key held; what is empty is no key. */
  put(key: string | undefined, held: Held): void {
    this.#set(key as string, held, -1);
  }

  /** The same, but for its expiry. */
  keep(key: string | undefined, held: Held): void {
    this.#set(key as string, held, this.#keys.get(key as string)?.expireAtMs ?? -1);
  }

  copy(from: string | undefined, to: string | undefined): void {
    const kept = this.#keys.get(from as string);
    if (kept !== undefined) this.#keys.set(to as string, { ...kept });
  }

  remove(keys: readonly string[]): void {
    for (const key of keys) this.#keys.delete(key);
  }

  expire(key: string | undefined, atMs: number): void {
    const kept = this.#keys.get(key as string);
    if (kept !== undefined) kept.expireAtMs = atMs;
  }

  text(key: string | undefined): string {
    return this.#of(key, 'string') ?? '';
  }

  list(key: string | undefined): readonly string[] {
    return this.#of(key, 'list') ?? [];
  }

  set(key: string | undefined): ReadonlySet<string> {
    return this.#of(key, 'set') ?? new Set();
  }

  hash(key: string | undefined): ReadonlyMap<string, string> {
    return this.#of(key, 'hash') ?? new Map();
  }

  zset(key: string | undefined): ReadonlyMap<string, number> {
    return this.#of(key, 'zset') ?? new Map();
  }

  stream(key: string | undefined): readonly Entry[] {
    return this.#of(key, 'stream') ?? [];
  }

  #of<T extends Held['type']>(key: string | undefined, type: T): Values[T] | undefined {
    const held = this.#keys.get(key as string)?.held;
    if (held === undefined) return undefined;
    if (held.type !== type) throw new Error(`${key} is a ${held.type}, not a ${type}`);
    return held.value as Values[T];
  }

  #set(key: string, held: Held, expireAtMs: number): void {
    const { value } = held;
    const count = value instanceof Map || value instanceof Set ? value.size : value.length;
    // A stream may be empty; an empty string is one too.
    if (count === 0 && held.type !== 'stream' && held.type !== 'string') this.#keys.delete(key);
    else this.#keys.set(key, { held, expireAtMs });
  }
}

/** What a server holds at a key. */
export async function keptAt(client: RespClient, key: string): Promise<Kept | undefined> {
  const [type, expiry] = [
    String(await client.call('TYPE', key)),
    Number(await client.call('PEXPIRETIME', key)),
  ];
  if (type === 'none') return undefined;
  return { held: await heldAt(client, key, type as Held['type']), expireAtMs: expiry };
}

async function heldAt(client: RespClient, key: string, type: Held['type']): Promise<Held> {
  const all = async (...args: string[]): Promise<string[]> =>
    ((await client.call(...args)) as Reply[]).map(String);
  switch (type) {
    case 'string':
      return { type, value: ((await client.call('GET', key)) as Buffer).toString('latin1') };
    case 'list':
      return { type, value: await all('LRANGE', key, '0', '-1') };
    case 'set':
      return { type, value: new Set(await all('SMEMBERS', key)) };
    case 'hash':
      return { type, value: new Map(inPairs(await all('HGETALL', key))) };
    case 'zset': {
      const pairs = inPairs(await all('ZRANGE', key, '0', '-1', 'WITHSCORES'));
      return { type, value: new Map(pairs.map(([x, score]) => [x, Number(score)])) };
    }
    case 'stream': {
      const entries = (await client.call('XRANGE', key, '-', '+')) as [Buffer, Buffer[]][];
      return { type, value: entries.map(([id, fields]) => [String(id), fields.map(String)]) };
    }
  }
}

async function stateOf(server: RedisServer): Promise<Map<string, Kept>> {
  const client = await server.connect();
  const state = new Map<string, Kept>();
  try {
    for (const key of ((await client.call('KEYS', '*')) as Buffer[]).map(String)) {
      const kept = await keptAt(client, key);
      if (kept !== undefined) state.set(key, kept);
    }
  } finally {
    client.close();
  }
  return state;
}

function same(a: Kept, b: Kept): boolean {
  const near = a.expireAtMs < 0 ? b.expireAtMs < 0 : Math.abs(a.expireAtMs - b.expireAtMs) < TOLERANCE_MS;
  return near && textOf(a.held) === textOf(b.held);
}

function textOf({ type, value }: Held): string {
  const sorted = value instanceof Map || value instanceof Set ? [...value].map(String).sort() : value;
  return `${type} ${JSON.stringify(sorted)}`;
}

function inPairs(flat: readonly string[]): [string, string][] {
  return flat.flatMap((item, at) => (at % 2 === 0 ? [[item, flat[at + 1] ?? ''] as [string, string]] : []));
}
