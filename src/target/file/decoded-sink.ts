/** What the forms of `naru decode` have in common. */
import type { AofSink } from '../../protocol/aof/aof-walker.ts';
import { atEntry } from '../../protocol/rdb/error-place.ts';
import { HeldString } from '../../protocol/rdb/held-string.ts';
import type { EntryView, Flavour, RdbSink } from '../../protocol/rdb/sink.ts';
import { ValueDecoder } from '../../protocol/rdb/value-decoder.ts';
import type { ValueSink } from '../../protocol/rdb/value-sink.ts';
import type { BigCommand } from '../../protocol/resp/big-frame.ts';
import type { CommandView, StreamSink } from '../../protocol/resp/command-walker.ts';

/** Takes each entry's value apart into the sink that `value` gives for it, whether it came whole or not. */
export abstract class DecodedSink implements AofSink, RdbSink, StreamSink {
  readonly rdb: RdbSink = this;
  readonly stream: StreamSink = this;
  protected flavour: Flavour = 'redis';
  protected version = 0;
  readonly #string = new HeldString();
  #decoder: ValueDecoder | undefined;
  #decoderSink: ValueSink | undefined;

  /** `serializedBytes` is undefined for an entry that is too large to be held. The view is valid during this call and that of `begin`. */
  protected abstract value(entry: EntryView, serializedBytes: number | undefined): ValueSink;
  /** The code of a function library. */
  protected abstract library(code: Buffer): void;
  abstract command(command: CommandView): void;
  abstract bigCommand(command: BigCommand): void;
  abstract bigCommandPart(buf: Buffer, start: number, end: number): void;
  abstract bigCommandEnd(command: BigCommand): void;

  /** Another file of a multi-part AOF begins: its commands are in database 0. */
  partBegins(): void {}
  /** What is not written yet goes out. */
  flush(): void {}

  header(version: number, flavour: Flavour): void {
    this.version = version;
    this.flavour = flavour;
    this.#decoder = undefined;
  }

  entry(entry: EntryView): void {
    const { valueBuf, valueStart, valueEnd } = entry;
    const sink = this.value(entry, valueEnd - valueStart);
    try {
      this.#decoderOf(entry, sink).write(valueBuf, valueStart, valueEnd);
    } catch (error) {
      throw atEntry(error, entry);
    }
  }

  /** The same one as long as the sink is the same. */
  #decoderOf({ type, offset }: EntryView, sink: ValueSink): ValueDecoder {
    if (this.#decoder === undefined || this.#decoderSink !== sink) {
      this.#decoder = new ValueDecoder(type, this.flavour, sink, offset);
      this.#decoderSink = sink;
    } else this.#decoder.restart(type, offset);
    return this.#decoder;
  }

  bigEntry(entry: EntryView): ValueSink {
    return this.value(entry, undefined);
  }

  functionLibrary(buf: Buffer, start: number, end: number): void {
    const string = this.#string;
    string.read(buf, start, end, 0);
    this.library(Buffer.from(string.buf.subarray(string.start, string.end)));
  }

  aux(_name: string, _value: Buffer): void {}
  selectDb(_db: number): void {}
  resizeDb(_keys: number, _expires: number): void {}
  slotInfo(_slot: number, _keys: number, _expires: number): void {}
  moduleAux(_module: string): void {}
  keyMeta(_metadataClass: string): void {}
  finish(_version: number): void {}
  timestamp(_seconds: number, _offset: number): void {}
}
