/** What each key's value was when it was read last. */
import { KeyHash } from '../../../protocol/checksum/key-hash.ts';
import { ChunkStore } from './chunk-store.ts';

/** What `note` returns. */
export const SAME = 0;
export const CHANGED = 1;
export const NEW = 2;

export interface FingerprintsOptions {
  /** for what does not fit into memory; removed by `close` */
  path: string;
  /** default 64 MiB, which is enough for some 8 million keys */
  memoryBytes?: number;
  /** how many keys there will be, roughly (DBSIZE): twice or half as many are stored as well. Default 4 million */
  keysExpected?: number;
  /** for tests */
  seed?: number;
}

const MEMORY_BYTES = 64 * 1024 * 1024;
const KEYS_EXPECTED = 4_000_000;
/** Entries in a chunk, of 7 bytes each, behind a word with its place in its bucket's list. */
const ENTRIES = 36;
const COUNT_BITS = 6;
const COUNT_MASK = 63;
/** The second parts of the entries, in bytes from the chunk's beginning. */
const SECONDS = (1 + ENTRIES) * 4;
const TAG_BITS = 20;
const TAG_SHIFT = 32 - TAG_BITS;
/** On average; more keys than that and a bucket is split. */
const BUCKET_KEYS_MAX = 208;
const BUCKET_KEYS = 192;
const BUCKETS_MIN = 64;
const BUCKETS_MAX = 2 ** 22;
/** The buckets' number can double so often, each time by a bit of the tags; and no more bits than that can choose a bucket. */
const DOUBLINGS_MAX = 10;
const BUCKET_BITS_MAX = 26;

/**
 * A hash table of keys without the keys: of a key's hash some bits choose a bucket (about 200 keys), 20 bits are its tag there, and 36 bits are a
 * digest of what was read. That is 7 bytes a key, and about 7.7 with the room that is not used.
 *
 *     chunk = next chunk of the bucket (26 bits) entries in it (6 bits)
 *             { tag (20 bits) digest (12 bits) } x 36   { digest (24 bits) } x 36
 *
 * Only the first chunk of a bucket's list is not full. A growing table splits its buckets one after the other (linear hashing), by a bit of the
 * tags: so it never stops to be built anew, and is never half empty.
 *
 * **What can go wrong.** Two keys whose bucket and tag are the same (of 5 million keys one in 5,000 has such a twin) share an entry: they take
 * turns in it, so each is told as CHANGED at every look, which is harmless. The digest is made with the whole hash of the key, so the same
 * value in both makes two digests: SAME is wrong with a probability of 2^-36 for a value that has changed, twin or not. `has` is wrongly true
 * for one of 5,000 keys that were never noted, and wrongly false when a twin was forgotten.
 */
export class Fingerprints {
  readonly #hash: KeyHash;
  readonly #store: ChunkStore;
  readonly #bits: number;
  /** the first chunk of each bucket, 0: it is empty */
  #heads: Uint32Array;
  #buckets: number;
  #doublings = 0;
  /** the next bucket to split */
  #split = 0;
  #size = 0;
  /** of the key that was hashed last */
  #bucket = 0;
  #tag = 0;
  /** of the digest: 12 bits and 24 bits */
  #first = 0;
  #second = 0;

  constructor(options: FingerprintsOptions) {
    this.#hash = new KeyHash(options.seed);
    this.#store = new ChunkStore(options.path, options.memoryBytes ?? MEMORY_BYTES);
    const wanted = (options.keysExpected ?? KEYS_EXPECTED) / BUCKET_KEYS;
    this.#bits = Math.floor(Math.log2(Math.min(Math.max(wanted, BUCKETS_MIN), BUCKETS_MAX)));
    this.#buckets = 2 ** this.#bits;
    this.#heads = new Uint32Array(this.#buckets);
  }

  /** Keys that are known; twins count once. */
  get size(): number {
    return this.#size;
  }

  get memoryBytes(): number {
    return this.#store.memoryBytes + this.#heads.byteLength;
  }

  get fileBytes(): number {
    return this.#store.fileBytes;
  }

  /**
   * The value of the key `buf[start, end)` is this one now, by the CRC-64 that ends its DUMP and its expiry (ms since 1970, -1: none); was it
   * another one before? Give times as exactly as they are known, and no more: those that come from PTTL in whole seconds.
   */
  note(
    db: number,
    buf: Buffer,
    start: number,
    end: number,
    crcLow: number,
    crcHigh: number,
    expireAt: number,
  ): typeof SAME | typeof CHANGED | typeof NEW {
    this.#locate(db, buf, start, end);
    this.#digest(crcLow, crcHigh, expireAt);
    const at = this.#find();
    if (at < 0) {
      this.#add(this.#bucket, (this.#tag << TAG_SHIFT) | this.#first, this.#second);
      this.#size++;
      if (this.#size > this.#buckets * BUCKET_KEYS_MAX) this.#grow();
      return NEW;
    }
    const store = this.#store;
    const word = (this.#tag << TAG_SHIFT) | this.#first;
    if (store.words[store.base + 1 + at] === word >>> 0 && secondAt(store, at) === this.#second) return SAME;
    put(store, at, word, this.#second);
    store.save();
    return CHANGED;
  }

  /** See above for when it is wrong. */
  has(db: number, buf: Buffer, start: number, end: number): boolean {
    this.#locate(db, buf, start, end);
    return this.#find() >= 0;
  }

  /** The last entry of the bucket's first chunk takes the place of this one. */
  forget(db: number, buf: Buffer, start: number, end: number): void {
    this.#locate(db, buf, start, end);
    const at = this.#find();
    if (at < 0) return;
    const store = this.#store;
    const found = store.chunk;
    const head = this.#heads[this.#bucket] as number;
    store.open(head);
    const link = store.words[store.base] as number;
    const last = (link & COUNT_MASK) - 1;
    const word = store.words[store.base + 1 + last] as number;
    const second = secondAt(store, last);
    if (last === 0) {
      this.#heads[this.#bucket] = link >>> COUNT_BITS;
      store.free(head);
    } else {
      store.words[store.base] = link - 1;
      store.save();
    }
    this.#size--;
    if (found === head && (at === last || last === 0)) return;
    store.open(found);
    put(store, at, word, second);
    store.save();
  }

  close(): void {
    this.#store.close();
    this.#heads = new Uint32Array(this.#buckets);
    this.#size = 0;
  }

  #locate(db: number, buf: Buffer, start: number, end: number): void {
    const hash = this.#hash;
    hash.of(db, buf, start, end);
    this.#tag = hash.low >>> TAG_SHIFT;
    const home = hash.high & (2 ** this.#bits - 1);
    this.#bucket = this.#bucketOf(home, this.#tag);
  }

  #bucketOf(home: number, tag: number): number {
    const now = home + ((tag & (2 ** this.#doublings - 1)) << this.#bits);
    return now < this.#split ? home + ((tag & (2 ** (this.#doublings + 1) - 1)) << this.#bits) : now;
  }

  #digest(crcLow: number, crcHigh: number, expireAt: number): void {
    const { high, low } = this.#hash;
    const ms = Math.floor(expireAt / 0x1_0000_0000);
    const a = mixed(crcLow ^ Math.imul(high, 0x9e3779b1) ^ Math.imul(expireAt | 0, 0x85ebca6b));
    const b = mixed(crcHigh ^ Math.imul(low, 0xc2b2ae35) ^ Math.imul(ms + 1, 0x27d4eb2f) ^ Math.imul(a, 5));
    const c = mixed(a ^ Math.imul(b, 0x165667b1));
    this.#first = c & 0xfff;
    this.#second = (b >>> 8) & 0xffffff;
  }

  /** Opens the chunk that holds the tag, and returns which entry of it; -1: none does. */
  #find(): number {
    const store = this.#store;
    const tag = this.#tag;
    for (let chunk = this.#heads[this.#bucket] as number; chunk !== 0; ) {
      store.open(chunk);
      const { words, base } = store;
      const link = words[base] as number;
      const first = base + 1;
      for (let i = first, stop = first + (link & COUNT_MASK); i < stop; i++) {
        if ((words[i] as number) >>> TAG_SHIFT === tag) return i - first;
      }
      chunk = link >>> COUNT_BITS;
    }
    return -1;
  }

  #add(bucket: number, word: number, second: number): void {
    const store = this.#store;
    const head = this.#heads[bucket] as number;
    if (head !== 0) store.open(head);
    let count = head === 0 ? ENTRIES : (store.words[store.base] as number) & COUNT_MASK;
    if (count === ENTRIES) {
      this.#heads[bucket] = store.take();
      store.words[store.base] = head << COUNT_BITS;
      count = 0;
    }
    put(store, count, word, second);
    store.words[store.base] = (store.words[store.base] as number) + 1;
    store.save();
  }

  /** One more bucket: the next one gives up the entries in whose tags the next bit is set. */
  #grow(): void {
    if (this.#doublings === Math.min(DOUBLINGS_MAX, BUCKET_BITS_MAX - this.#bits)) return;
    if (this.#buckets === this.#heads.length) this.#moreHeads();
    const from = this.#split;
    const to = this.#buckets++;
    const bit = 1 << this.#doublings;
    const entries = this.#empty(from);
    for (let i = 0; i < entries.length; i += 2) {
      const word = entries[i] as number;
      this.#add(((word >>> TAG_SHIFT) & bit) === 0 ? from : to, word, entries[i + 1] as number);
    }
    this.#split++;
    if (this.#split < 2 ** (this.#bits + this.#doublings)) return;
    this.#split = 0;
    this.#doublings++;
  }

  #moreHeads(): void {
    const heads = new Uint32Array(Math.ceil(this.#heads.length * 1.25));
    heads.set(this.#heads);
    this.#heads = heads;
  }

  /** Takes all entries out of a bucket. */
  #empty(bucket: number): number[] {
    const store = this.#store;
    const entries: number[] = [];
    for (let chunk = this.#heads[bucket] as number; chunk !== 0; ) {
      store.open(chunk);
      const link = store.words[store.base] as number;
      for (let i = 0; i < (link & COUNT_MASK); i++) {
        entries.push(store.words[store.base + 1 + i] as number, secondAt(store, i));
      }
      store.free(chunk);
      chunk = link >>> COUNT_BITS;
    }
    this.#heads[bucket] = 0;
    return entries;
  }
}

function put(store: ChunkStore, at: number, word: number, second: number): void {
  store.words[store.base + 1 + at] = word;
  const { bytes } = store;
  const to = store.base * 4 + SECONDS + 3 * at;
  bytes[to] = second;
  bytes[to + 1] = second >>> 8;
  bytes[to + 2] = second >>> 16;
}

function secondAt(store: ChunkStore, at: number): number {
  const { bytes } = store;
  const from = store.base * 4 + SECONDS + 3 * at;
  return (bytes[from] as number) | ((bytes[from + 1] as number) << 8) | ((bytes[from + 2] as number) << 16);
}

function mixed(value: number): number {
  const once = Math.imul(value ^ (value >>> 16), 0x7feb352d);
  const twice = Math.imul(once ^ (once >>> 15), 0x846ca68b);
  return twice ^ (twice >>> 16);
}
