/** Strings, lists, sets, hashes and sorted sets, a piece at a time. */
import type { RespClient } from '../../../../net/client.ts';
import { parseScore } from '../../../../protocol/rdb/value-items.ts';
import { ask, askAll, askIfKnown } from './ask.ts';
import type { PartWriter } from './part-writer.ts';
import type { ValueDigest } from './value-digest.ts';

/** What a kind of value is read with. */
export interface Pieces {
  readonly client: RespClient;
  readonly key: Buffer;
  readonly expireAtMs: number;
  readonly parts: PartWriter;
  readonly digest: ValueDigest;
  readonly pieceBytes: number;
  /** fields of hashes can expire there; learned by asking */
  fieldExpiry: boolean;
}

/** How a reading ended: it was all there, it has changed meanwhile (and what was read may be neither the one nor the other), or there is none. */
export type Outcome = 'read' | 'changed' | 'gone';

/** Elements to ask for first, when nothing is known about how large they are. */
const COUNT_FIRST = 64;
const COUNT_MAX = 10_000;

/** How many elements to ask for, so that they are about as large as a piece. */
class Count {
  next = COUNT_FIRST;
  readonly #pieceBytes: number;

  constructor(pieceBytes: number) {
    this.#pieceBytes = pieceBytes;
  }

  saw(elements: number, bytes: number): void {
    if (elements === 0) return;
    const fits = Math.floor(this.#pieceBytes / (bytes / elements + 16));
    // Not at once: the next ones may be larger.
    this.next = Math.max(1, Math.min(fits, 4 * this.next, COUNT_MAX));
  }
}

export async function readString(pieces: Pieces): Promise<Outcome> {
  const { client, key, parts, digest, pieceBytes } = pieces;
  parts.begin(key, pieces.expireAtMs, 'string');
  digest.begin(true);
  for (let at = 0; ; ) {
    const piece = (await ask(client, 'GETRANGE', key, at, at + pieceBytes - 1)) as Buffer;
    parts.value.elementPart(piece, 0, piece.length);
    digest.part(piece);
    digest.itemEnd();
    at += piece.length;
    if (piece.length < pieceBytes) {
      digest.end();
      const [type, length] = await askAll(client, ['TYPE', key], ['STRLEN', key]);
      if (type === 'none') return 'gone';
      return length === at ? 'read' : 'changed';
    }
    if (parts.full) await parts.part();
  }
}

export async function readList(pieces: Pieces): Promise<Outcome> {
  const { client, key, parts, digest } = pieces;
  const count = new Count(pieces.pieceBytes);
  parts.begin(key, pieces.expireAtMs, 'list');
  digest.begin(true);
  for (let at = 0; ; ) {
    const [list, length] = (await askAll(
      client,
      ['LRANGE', key, at, at + count.next - 1],
      ['LLEN', key],
    )) as [Buffer[], number];
    let bytes = 0;
    for (const element of list) {
      parts.value.element(element, 0, element.length);
      digest.part(element);
      digest.itemEnd();
      bytes += element.length;
    }
    at += list.length;
    count.saw(list.length, bytes);
    if (list.length === 0 || at >= length) {
      digest.end();
      if (length === 0) return 'gone';
      return at === length ? 'read' : 'changed';
    }
    if (parts.full) await parts.part();
  }
}

/** Whoever takes the elements of one step of a SSCAN, HSCAN or ZSCAN; `tuple`: how many strings belong together. */
interface Scanned {
  readonly scan: 'SSCAN' | 'HSCAN' | 'ZSCAN';
  readonly length: 'SCARD' | 'HLEN' | 'ZCARD';
  readonly tuple: 1 | 2;
  /** How many bytes they are; undefined: enough of it, it has to begin again. */
  take(items: Buffer[], isNew: (item: Buffer) => boolean): Promise<number | undefined> | number;
}

/**
 * A scan gives each element that is there from beginning to end at least once, and some twice. In parts that does no harm: each becomes SADD, HSET or
 * ZADD of the same, and where a value or score has changed the newer one comes later. But a server refuses an RDB value with a member twice,
 * so of what may become one entry they are left out.
 */
async function scanAll(pieces: Pieces, scanned: Scanned): Promise<Outcome> {
  const { client, key, parts } = pieces;
  const count = new Count(pieces.pieceBytes);
  let seen: Set<string> | undefined = new Set();
  let taken = 0;
  const isNew = (item: Buffer): boolean => {
    const text = item.toString('latin1');
    if (seen === undefined || !seen.has(text)) {
      seen?.add(text);
      taken++;
      return true;
    }
    return false;
  };
  for (let cursor = '0'; ; ) {
    const [[next, items], length] = (await askAll(
      client,
      [scanned.scan, key, cursor, 'COUNT', count.next],
      [scanned.length, key],
    )) as [[Buffer, Buffer[]], number];
    const bytes = await scanned.take(items, isNew);
    if (bytes === undefined) return 'changed';
    count.saw(items.length / scanned.tuple, bytes);
    cursor = next.toString();
    if (cursor === '0') {
      pieces.digest.end();
      if (length === 0) return 'gone';
      // In parts some may have been counted twice.
      return seen === undefined
        ? taken >= length
          ? 'read'
          : 'changed'
        : taken === length
          ? 'read'
          : 'changed';
    }
    if (parts.full) {
      await parts.part();
      seen = undefined;
    }
  }
}

export async function readSet(pieces: Pieces): Promise<Outcome> {
  const { parts, digest } = pieces;
  parts.begin(pieces.key, pieces.expireAtMs, 'set');
  digest.begin(false);
  return scanAll(pieces, {
    scan: 'SSCAN',
    length: 'SCARD',
    tuple: 1,
    take(items, isNew) {
      let bytes = 0;
      for (const item of items) {
        bytes += item.length;
        if (!isNew(item)) continue;
        parts.value.element(item, 0, item.length);
        digest.part(item);
        digest.itemEnd();
      }
      return bytes;
    },
  });
}

export async function readZset(pieces: Pieces): Promise<Outcome> {
  const { parts, digest } = pieces;
  parts.begin(pieces.key, pieces.expireAtMs, 'zset');
  digest.begin(false);
  return scanAll(pieces, {
    scan: 'ZSCAN',
    length: 'ZCARD',
    tuple: 2,
    take(items, isNew) {
      let bytes = 0;
      for (let i = 0; i < items.length; i += 2) {
        const [member, score] = [items[i], items[i + 1]] as [Buffer, Buffer];
        bytes += member.length;
        if (isNew(member)) putScored(pieces, member, score);
      }
      return bytes;
    },
  });
}

/** The score's text has 17 digits, or as many as are needed: it reads back as the same double. */
export function putScored(
  { parts, digest }: Pick<Pieces, 'parts' | 'digest'>,
  member: Buffer,
  score: Buffer,
): void {
  parts.value.element(member, 0, member.length);
  parts.value.score(parseScore(score.toString('latin1'), 0));
  digest.part(member);
  digest.part(score);
  digest.itemEnd();
}

/** `expiring`: it has fields that expire. An older target is told of what it can not keep only where there is something. */
export async function readHash(pieces: Pieces, expiring = false): Promise<Outcome> {
  pieces.parts.begin(pieces.key, pieces.expireAtMs, 'hash', expiring);
  pieces.digest.begin(false);
  let found = false;
  const outcome = await scanAll(pieces, {
    scan: 'HSCAN',
    length: 'HLEN',
    tuple: 2,
    async take(items, isNew) {
      const times = await fieldTimes(pieces, items);
      found ||= times?.some((at) => at >= 0) === true;
      if (found && !expiring) return undefined;
      let bytes = 0;
      for (let i = 0; i < items.length; i += 2) {
        const [field, value] = [items[i], items[i + 1]] as [Buffer, Buffer];
        bytes += field.length + value.length;
        if (isNew(field)) putField(pieces, field, value, times?.[i / 2]);
      }
      return bytes;
    },
  });
  return found && !expiring ? readHash(pieces, true) : outcome;
}

/** `at`: as HPEXPIRETIME tells it: -1: it does not expire; -2: it is not there any more. */
export function putField(
  { parts, digest }: Pick<Pieces, 'parts' | 'digest'>,
  field: Buffer,
  value: Buffer,
  at: number | undefined,
): void {
  if (at === -2) return;
  parts.value.element(field, 0, field.length);
  parts.value.element(value, 0, value.length);
  parts.value.fieldExpireAt(at ?? -1);
  digest.part(field);
  digest.part(value);
  if (at !== undefined && at >= 0) digest.part(Buffer.from(String(at)));
  digest.itemEnd();
}

/** HPEXPIRETIME key FIELDS n field... (Redis 7.4, Valkey 9): of each field in ms since 1970. Undefined: none of them expires. */
export async function fieldTimes(pieces: Pieces, items: readonly Buffer[]): Promise<number[] | undefined> {
  if (!pieces.fieldExpiry || items.length === 0) return undefined;
  const fields = items.filter((_, i) => i % 2 === 0);
  const times = await askIfKnown(
    pieces.client,
    'HPEXPIRETIME',
    pieces.key,
    'FIELDS',
    fields.length,
    ...fields,
  );
  if (times === undefined) pieces.fieldExpiry = false;
  return Array.isArray(times) ? (times as number[]) : undefined;
}
