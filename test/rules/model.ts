/**
 * What rules are to make of a source, written down apart from the code that is judged: each key of the source is looked at, and RESTOREd into a third
 * server under its name there.
 */
import type { RedisServer } from '../support/redis-server.ts';
import { ReplyError } from '../support/reply-parser.ts';
import type { Arg } from '../support/resp-client.ts';

export interface SourceKey {
  readonly db: number;
  /** latin1 */
  readonly key: string;
  readonly type: string;
  /** ms since 1970; 0: it does not expire */
  readonly expireAtMs: number;
}

/** Undefined: dropped. Fields that are left out stay as they are. */
export type Model = (key: SourceKey) => Partial<Pick<SourceKey, 'db' | 'key' | 'expireAtMs'>> | undefined;

/** `sources`: one server, or the masters of a cluster. Resolves to the count of keys that are kept. */
export async function applyModel(
  sources: RedisServer | readonly RedisServer[],
  expected: RedisServer,
  model: Model,
  { functions = true }: { functions?: boolean } = {},
): Promise<number> {
  let written = 0;
  for (const source of functions ? ([sources].flat() as RedisServer[]) : []) {
    await expected.call('FUNCTION', 'RESTORE', (await source.call('FUNCTION', 'DUMP')) as Buffer, 'FLUSH');
  }
  for (const source of [sources].flat() as RedisServer[]) written += await applyTo(source, expected, model);
  return written;
}

async function applyTo(source: RedisServer, expected: RedisServer, model: Model): Promise<number> {
  const [from, to] = [await source.connect(), await expected.connect()];
  let written = 0;
  for (let db = 0; db < 16; db++) {
    // A node of a cluster has one.
    if ((await from.pipeline([['SELECT', db]]))[0] instanceof ReplyError) break;
    for (const key of (await from.call('KEYS', '*')) as Buffer[]) {
      const [type, expiry, dump] = await from.pipeline([
        ['TYPE', key],
        ['PEXPIRETIME', key],
        ['DUMP', key],
      ]);
      if (!Buffer.isBuffer(dump)) continue;
      const text = key.toString('latin1');
      const own = { db, key: text, type: String(type), expireAtMs: Math.max(Number(expiry), 0) };
      const changed = model(own);
      if (changed === undefined) continue;
      const there = { ...own, ...changed };
      const restore: Arg[] = ['RESTORE', Buffer.from(there.key, 'latin1'), there.expireAtMs, dump, 'ABSTTL'];
      const replies = await to.pipeline([['SELECT', there.db], restore]);
      if (String(replies[1]) !== 'OK') throw new Error(String(replies[1]));
      written++;
    }
  }
  from.close();
  to.close();
  return written;
}
