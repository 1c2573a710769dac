/** Lists, sets, zsets and hashes as commands over many elements each. */
import type { CommandSink } from '../command-sink.ts';
import { FormatError } from '../format-error.ts';
import { Carry } from './carry.ts';
import type { ValueKind } from './value-sink.ts';

const CHUNK_BYTES_AT_FIRST = 16 * 1024;

const COMMANDS: Readonly<Partial<Record<ValueKind, string>>> = {
  list: 'RPUSH',
  set: 'SADD',
  zset: 'ZADD',
};

export class RebuildCollection {
  readonly #sink: CommandSink;
  #key: Buffer;
  readonly #chunkBytes: number;
  readonly #chunkElements: number;
  readonly #hset: string;
  readonly #fieldExpiry: boolean;
  #kind: ValueKind = 'list';
  /** the items of the command to come, one behind the other; a pair is two */
  #chunk: Buffer;
  /** up to where items are taken without a further look: the chunk's size, but no more than `chunkBytes` */
  #room: number;
  #bytes = 0;
  readonly #ends: Float64Array;
  #items = 0;
  /** of each element: its score, or its expiry */
  readonly #numbers: Float64Array;
  #elements = 0;
  /** an item that comes in parts: bytes still to come; held, or else passed on */
  #left = 0;
  #held: Carry | undefined;
  #passing = false;
  /** a hash's value was passed on in a command of its own; its field is still in the chunk, for the expiry that follows */
  #alone = false;

  constructor(
    sink: CommandSink,
    key: Buffer,
    chunkBytes: number,
    chunkElements: number,
    knows: { variadicHset?: boolean; fieldExpiry?: boolean } = {},
  ) {
    this.#hset = knows.variadicHset === false ? 'HMSET' : 'HSET';
    this.#fieldExpiry = knows.fieldExpiry !== false;
    this.#sink = sink;
    this.#key = key;
    this.#chunkBytes = chunkBytes;
    this.#chunkElements = chunkElements;
    this.#chunk = Buffer.allocUnsafe(Math.min(CHUNK_BYTES_AT_FIRST, chunkBytes));
    this.#room = this.#chunk.length;
    this.#ends = new Float64Array(2 * chunkElements + 2);
    this.#numbers = new Float64Array(chunkElements + 1);
  }

  restart(key: Buffer): void {
    this.#key = key;
    this.#alone = false;
  }

  begin(kind: ValueKind): void {
    this.#kind = kind;
    this.#clear();
  }

  element(buf: Buffer, start: number, end: number): void {
    const bytes = end - start;
    if (this.#bytes + bytes > this.#room) this.#makeRoom(bytes);
    const at = this.#bytes;
    if (bytes < 48) {
      // A call of copy costs more than so few bytes.
      const chunk = this.#chunk;
      for (let from = start, to = at; from < end; ) chunk[to++] = buf[from++] as number;
    } else buf.copy(this.#chunk, at, start, end);
    this.#bytes = at + bytes;
    this.#ends[this.#items++] = this.#bytes;
    if (this.#kind === 'list' || this.#kind === 'set') this.#elementEnd();
  }

  elementLength(bytes: number): void {
    this.#left = bytes;
    const value = this.#kind === 'hash' && this.#items % 2 === 1;
    this.#passing = value || this.#kind === 'list' || this.#kind === 'set';
    if (!this.#passing) {
      this.#held = new Carry();
      return;
    }
    if (value) this.#beginAlone(bytes);
    else {
      this.flush();
      this.#command(this.#name, 1);
      this.#sink.argLength(bytes);
    }
  }

  elementPart(buf: Buffer, start: number, end: number): void {
    this.#left -= end - start;
    if (this.#passing) {
      this.#sink.argPart(buf, start, end);
      if (this.#left === 0) this.#sink.end();
      return;
    }
    const held = this.#held as Carry;
    held.append(buf, start, end, held.length + end - start);
    if (this.#left > 0) return;
    this.#held = undefined;
    this.element(held.buf, 0, held.length);
  }

  score(score: number): void {
    if (Number.isNaN(score)) throw new FormatError('malformed', 'a score that is no number', 0);
    this.#numbers[this.#elements] = score;
    this.#elementEnd();
  }

  fieldExpireAt(ms: number): void {
    this.#numbers[this.#elements] = ms;
    if (!this.#alone) {
      this.#elementEnd();
      return;
    }
    this.#alone = false;
    if (ms >= 0 && this.#fieldExpiry) this.#expire(0, 1, 1);
    this.#clear();
  }

  /** Writes what was collected. */
  flush(): void {
    if (this.#elements === 0) return;
    if (this.#kind === 'zset') this.#flushScores();
    else {
      this.#command(this.#name, this.#items);
      for (let i = 0; i < this.#items; i++) this.#item(i);
      this.#sink.end();
      if (this.#kind === 'hash' && this.#fieldExpiry) this.#flushExpiries();
    }
    this.#clear();
  }

  #clear(): void {
    this.#bytes = 0;
    this.#items = 0;
    this.#elements = 0;
  }

  #elementEnd(): void {
    this.#elements++;
    if (this.#elements >= this.#chunkElements || this.#bytes >= this.#chunkBytes) this.flush();
  }

  #makeRoom(bytes: number): void {
    if (this.#bytes + bytes > this.#chunkBytes) this.#flushWhole();
    this.#grow(this.#bytes + bytes);
  }

  /** Writes the whole elements; a field whose value is still to come moves to the front. */
  #flushWhole(): void {
    const pending = this.#kind === 'hash' && this.#items % 2 === 1;
    const from = pending ? this.#start(this.#items - 1) : this.#bytes;
    const to = this.#bytes;
    if (pending) this.#items--;
    this.flush();
    this.#clear();
    if (!pending) return;
    this.#chunk.copyWithin(0, from, to);
    this.#bytes = to - from;
    this.#ends[0] = this.#bytes;
    this.#items = 1;
  }

  #grow(bytes: number): void {
    if (this.#chunk.length >= bytes) return;
    const grown = Buffer.allocUnsafe(Math.max(bytes, Math.min(2 * this.#chunk.length, this.#chunkBytes)));
    this.#chunk.copy(grown, 0, 0, this.#bytes);
    this.#chunk = grown;
    this.#room = Math.min(grown.length, this.#chunkBytes);
  }

  /** A hash's value that comes in parts: HSET key field value, behind what was collected before. */
  #beginAlone(bytes: number): void {
    this.#flushWhole();
    this.#command(this.#hset, 2);
    this.#item(0);
    this.#sink.argLength(bytes);
    this.#alone = true;
  }

  #command(name: string, args: number): void {
    this.#sink.begin(2 + args);
    this.#sink.argText(name);
    this.#sink.arg(this.#key, 0, this.#key.length);
  }

  get #name(): string {
    return this.#kind === 'hash' ? this.#hset : (COMMANDS[this.#kind] as string);
  }

  #start(item: number): number {
    return item === 0 ? 0 : (this.#ends[item - 1] as number);
  }

  #item(item: number): void {
    this.#sink.arg(this.#chunk, this.#start(item), this.#ends[item] as number);
  }

  /** -0 comes last: in a listpack, as which the key begins, a server keeps it as 0 (redis/src/t_zset.c, zzlInsertAt). */
  #flushScores(): void {
    this.#command('ZADD', 2 * this.#items);
    let negativeZeros = 0;
    for (let i = 0; i < this.#items; i++) {
      if (Object.is(this.#numbers[i], -0)) negativeZeros++;
      else this.#scored(i);
    }
    for (let i = 0; negativeZeros > 0; i++) {
      if (!Object.is(this.#numbers[i], -0)) continue;
      this.#scored(i);
      negativeZeros--;
    }
    this.#sink.end();
  }

  #scored(item: number): void {
    this.#sink.argText(scoreText(this.#numbers[item] as number));
    this.#item(item);
  }

  /** One HPEXPIREAT for fields in a row that expire at the same time. */
  #flushExpiries(): void {
    for (let from = 0; from < this.#elements; ) {
      const ms = this.#numbers[from] as number;
      let to = from + 1;
      while (to < this.#elements && this.#numbers[to] === ms) to++;
      if (ms >= 0) this.#expire(from, to, 2);
      from = to;
    }
  }

  /** HPEXPIREAT key ms FIELDS n field...: of the elements `[from, to)`, whose fields are every `step`th item. */
  #expire(from: number, to: number, step: number): void {
    this.#command('HPEXPIREAT', 3 + to - from);
    this.#sink.argText(String(this.#numbers[from]));
    this.#sink.argText('FIELDS');
    this.#sink.argText(String(to - from));
    for (let i = from; i < to; i++) this.#item(i * step);
    this.#sink.end();
  }
}

/** The shortest text that reads back as the same double. */
function scoreText(score: number): string {
  if (Object.is(score, -0)) return '-0';
  if (score === Number.POSITIVE_INFINITY) return 'inf';
  return score === Number.NEGATIVE_INFINITY ? '-inf' : String(score);
}
