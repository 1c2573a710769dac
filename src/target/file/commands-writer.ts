import { HeldString } from '../../protocol/rdb/held-string.ts';
import { Rebuild } from '../../protocol/rdb/rebuild.ts';
import type { EntryView } from '../../protocol/rdb/sink.ts';
import { TYPE_MODULE_2, TYPE_STRING } from '../../protocol/rdb/types.ts';
import type { ValueSink } from '../../protocol/rdb/value-sink.ts';
import type { BigCommand } from '../../protocol/resp/big-frame.ts';
import type { CommandView } from '../../protocol/resp/command-walker.ts';
import { type BlockWriter, Output } from '../../protocol/resp/output.ts';
import { DecodedSink } from './decoded-sink.ts';
import { ModuleValue } from './module-value.ts';

/** A string of no more is written in one piece, uncompressed 88 times as much at most. */
const SMALL_BYTES = 8 * 1024;

/**
 * RESP commands that make the data anew, for `redis-cli --pipe`. An entry becomes `DEL`, the commands of `Rebuild`, and `PEXPIREAT`; a
 * module's value a `RESTORE`, since only the module could take it apart. Commands of an AOF stand as they are. What no command sets is left
 * out: idle times and access counts.
 */
export class CommandsWriter extends DecodedSink {
  readonly #out: Output;
  readonly #rebuild: EntryRebuild;
  readonly #text = new HeldString();
  #key: Buffer = Buffer.alloc(0);
  #expireAtMs = -1;
  #db = 0;

  constructor(write: BlockWriter) {
    super();
    this.#out = new Output(write);
    this.#rebuild = new EntryRebuild(this.#out, () => this.#expire());
  }

  override flush(): void {
    this.#out.flush();
  }

  override partBegins(): void {
    this.#select(0);
  }

  /** Behind an RDB at the beginning of an AOF: commands are in database 0 until they say otherwise. */
  override finish(): void {
    this.#select(0);
  }

  /** The AOF breaks off in a transaction, which then has no effect. */
  discard(): void {
    this.#send('DISCARD');
  }

  override entry(entry: EntryView): void {
    if (entry.type === TYPE_STRING && entry.valueEnd - entry.valueStart <= SMALL_BYTES) this.#set(entry);
    else super.entry(entry);
  }

  /** A string that is small, compressed or not, needs no decoder. */
  #set({
    keyBuf,
    keyStart,
    keyEnd,
    valueBuf,
    valueStart,
    valueEnd,
    expireAtMs,
    offset,
    db,
  }: EntryView): void {
    const text = this.#text;
    const out = this.#out;
    this.#select(db);
    text.read(valueBuf, valueStart, valueEnd, offset);
    out.begin(3);
    out.argText('SET');
    out.arg(keyBuf, keyStart, keyEnd);
    out.arg(text.buf, text.start, text.end);
    out.end();
    if (expireAtMs < 0) return;
    out.begin(3);
    out.argText('PEXPIREAT');
    out.arg(keyBuf, keyStart, keyEnd);
    out.argText(String(Math.max(expireAtMs, 1)));
    out.end();
  }

  protected value(entry: EntryView): ValueSink {
    // Of an entry that is not held, the view ends before its value.
    this.#key = Buffer.from(entry.keyBuf.subarray(entry.keyStart, entry.keyEnd));
    this.#expireAtMs = entry.expireAtMs;
    this.#select(entry.db);
    if (entry.type === TYPE_MODULE_2)
      return new ModuleValue(this.version, (payload) => this.#restore(payload));
    if (entry.type !== TYPE_STRING) this.#send('DEL', this.#key);
    this.#rebuild.restart(this.#key);
    return this.#rebuild;
  }

  #expire(): void {
    if (this.#expireAtMs >= 0) this.#send('PEXPIREAT', this.#key, String(Math.max(this.#expireAtMs, 1)));
  }

  #restore(payload: Buffer): void {
    const expires = this.#expireAtMs >= 0;
    const at = expires ? String(Math.max(this.#expireAtMs, 1)) : '0';
    this.#send('RESTORE', this.#key, at, payload, 'REPLACE', ...(expires ? ['ABSTTL'] : []));
  }

  protected library(code: Buffer): void {
    this.#send('FUNCTION', 'LOAD', 'REPLACE', code);
  }

  command(command: CommandView): void {
    this.#out.raw(command.buf, command.frameStart, command.frameEnd);
    const isSelect = command.argc === 2 && /^select$/i.test(command.text(0));
    if (isSelect) this.#db = Number(command.text(1));
  }

  bigCommand(_command: BigCommand): void {}

  bigCommandPart(buf: Buffer, start: number, end: number): void {
    this.#out.raw(buf, start, end);
  }

  bigCommandEnd(_command: BigCommand): void {}

  #select(db: number): void {
    if (db !== this.#db) this.#send('SELECT', String(db));
    this.#db = db;
  }

  #send(...args: (string | Buffer)[]): void {
    this.#out.begin(args.length);
    for (const arg of args) {
      if (typeof arg === 'string') this.#out.argText(arg);
      else this.#out.arg(arg, 0, arg.length);
    }
    this.#out.end();
  }
}

/** Tells when a value's last command is written. */
class EntryRebuild extends Rebuild {
  readonly #ended: () => void;

  constructor(out: Output, ended: () => void) {
    super(out, Buffer.alloc(0));
    this.#ended = ended;
  }

  override end(): void {
    super.end();
    this.#ended();
  }
}
