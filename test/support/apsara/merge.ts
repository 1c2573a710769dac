/** One answer made of those of several shards. An error of one is the answer. */
import type { ApsaraOptions } from '../apsara-proxy.ts';
import { bulk, itemsOf, textOf } from './frames.ts';

export type Merge = (frames: Buffer[]) => Buffer;

const ERROR = 0x2d;

const unlessError =
  (merge: (frames: Buffer[]) => Buffer | string): Merge =>
  (frames) => {
    const merged = frames.find((frame) => frame[0] === ERROR) ?? merge(frames);
    return Buffer.from(merged);
  };

export const first: Merge = unlessError((frames) => frames[0] as Buffer);

export const sum: Merge = unlessError((frames) => {
  return `:${frames.reduce((all, frame) => all + Number(textOf(frame)), 0)}\r\n`;
});

export const concatenated: Merge = unlessError((frames) => {
  const items = frames.flatMap((frame) => itemsOf(frame) ?? []);
  return Buffer.concat([Buffer.from(`*${items.length}\r\n`), ...items]);
});

/** Of RANDOMKEY: a shard may be empty. */
export const notNull: Merge = unlessError((frames) => {
  return frames.find((frame) => !/^(\$-1|_)\r/.test(frame.toString('latin1', 0, 4))) ?? (frames[0] as Buffer);
});

/** The first shard's INFO with what is said of all: how many keys there are, and how many shards. */
export const info = ({ version, nodeCount }: ApsaraOptions): Merge =>
  unlessError((frames) => {
    const texts = frames.map(textOf);
    const [text = ''] = texts;
    const total = (field: string): number =>
      texts.reduce(
        (all, one) => all + Number(new RegExp(`^db0:.*?${field}=(\\d+)`, 'm').exec(one)?.[1] ?? 0),
        0,
      );
    const withoutKeys = text.replace(/^db0:.*\r\n/m, '');
    const keyspace =
      total('keys') === 0 ? '' : `db0:keys=${total('keys')},expires=${total('expires')},avg_ttl=0\r\n`;
    const merged = withoutKeys
      .replace(/^# Keyspace\r\n/m, (head) => head + keyspace)
      .replace(/^cluster_enabled:1\r\n/m, (line) =>
        nodeCount === false
          ? line
          : `${line}nodecount:${typeof nodeCount === 'number' ? nodeCount : frames.length}\r\n`,
      );
    return bulk(withVersion(merged, version));
  });

export const shardInfo = ({ version, runIds }: ApsaraOptions, shard: number): Merge =>
  unlessError(([frame]) => {
    const text = textOf(frame as Buffer).replace(/^run_id:(.*)\r/m, (_, own: string) => {
      return `run_id:${runIds?.[shard] ?? own}\r`;
    });
    return bulk(withVersion(text, version));
  });

function withVersion(text: string, version: string | undefined): string {
  return version === undefined ? text : text.replace(/^redis_version:.*\r/m, `redis_version:${version}\r`);
}

/** A cursor for all shards: which one is being walked, and its own cursor. 0 begins and ends. */
export function shardCursor(cursor: string, shards: number): { shard: number; own: string } {
  const value = BigInt(cursor);
  return { shard: Number(value % BigInt(shards)), own: String(value / BigInt(shards)) };
}

/** The reply of SCAN of one shard, with the cursor for all of them. */
export const scanned = (shard: number, shards: number): Merge =>
  unlessError(([frame]) => {
    const [cursor, keys] = itemsOf(frame as Buffer) as [Buffer, Buffer];
    const own = BigInt(textOf(cursor));
    const next = own > 0n ? own * BigInt(shards) + BigInt(shard) : BigInt((shard + 1) % shards);
    return Buffer.concat([Buffer.from(`*2\r\n${bulk(String(next))}`), keys]);
  });
