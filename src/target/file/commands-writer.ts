import { Crc64 } from '../../protocol/checksum/crc64.ts';
import { Rebuild } from '../../protocol/rdb/rebuild.ts';
import type { EntryView } from '../../protocol/rdb/sink.ts';
import { TYPE_MODULE_2, TYPE_STRING } from '../../protocol/rdb/types.ts';
import type { ValueSink } from '../../protocol/rdb/value-sink.ts';
import type { BigCommand } from '../../protocol/resp/big-frame.ts';
import type { CommandView } from '../../protocol/resp/command-walker.ts';
import { type BlockWriter, Output } from '../../protocol/resp/output.ts';
import { DecodedSink } from './decoded-sink.ts';

/**
 * RESP commands that make the data anew, for `redis-cli --pipe`. An entry becomes `DEL`, the commands of `Rebuild`, and `PEXPIREAT`; a
 * module's value a `RESTORE`, since only the module could take it apart. Commands of an AOF stand as they are. What no command sets is left
 * out: idle times and access counts.
 */
export class CommandsWriter extends DecodedSink {
  readonly #out: Output;
  #db = 0;

  constructor(write: BlockWriter) {
    super();
    this.#out = new Output(write);
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
    if (entry.type === TYPE_MODULE_2) this.#restore(entry);
    else super.entry(entry);
  }

  protected value(entry: EntryView): ValueSink {
    const key = keyOf(entry);
    const { expireAtMs } = entry;
    this.#select(entry.db);
    if (entry.type !== TYPE_STRING) this.#send('DEL', key);
    const rebuild = new Rebuild(this.#out, key);
    if (expireAtMs < 0) return rebuild;
    const end = rebuild.end.bind(rebuild);
    rebuild.end = () => {
      end();
      this.#send('PEXPIREAT', key, String(Math.max(expireAtMs, 1)));
    };
    return rebuild;
  }

  #restore(entry: EntryView): void {
    const tail = Buffer.alloc(10);
    const type = Buffer.from([entry.type]);
    const value = entry.valueBuf.subarray(entry.valueStart, entry.valueEnd);
    tail.writeUInt16LE(this.version);
    const crc = new Crc64();
    for (const part of [type, value, tail.subarray(0, 2)]) crc.update(part, 0, part.length);
    crc.writeTo(tail, 2);
    this.#select(entry.db);
    const expires = entry.expireAtMs >= 0;
    const at = expires ? String(Math.max(entry.expireAtMs, 1)) : '0';
    const payload = Buffer.concat([type, value, tail]);
    this.#send('RESTORE', keyOf(entry), at, payload, 'REPLACE', ...(expires ? ['ABSTTL'] : []));
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

function keyOf(entry: EntryView): Buffer {
  return Buffer.from(entry.keyBuf.subarray(entry.keyStart, entry.keyEnd));
}
