/** A file source, decoded. */
import { NaruError } from '../../errors/errors.ts';
import {
  type AofEnd,
  type AofSink,
  AofWalker,
  type AofWalkerOptions,
} from '../../protocol/aof/aof-walker.ts';
import { BaseTime, untilTooEarly } from './base-time.ts';
import { toFileFormatError } from './failures.ts';
import type { FileConsumer, FilePart, FileSource, Wish } from './file-source.ts';

export interface DecodeOptions extends AofWalkerOptions {
  sink: AofSink;
  /** Does the decoding of a slice, which it is given, from within something else. */
  around?(decode: () => void): void;
  /** Bytes of an RDB as they are, behind what the sink was told of them. */
  rdbBytes?(buf: Buffer, start: number, end: number): void;
  /** A file begins: its commands are in database 0 until they say otherwise, and in no transaction. */
  partBegins?(part: FilePart): void;
  /** All of a file that is not the last one was given: the place to wait until it is done. */
  partEnds?(part: FilePart): Promise<void>;
  /** After each slice, of at most 64 KiB: the place to wait for the target. */
  breathe?(): void | Promise<void>;
}

export interface DecodedEnd {
  /** the last file that was read, and how it ended: offsets are those in its unpacked bytes */
  part: FilePart;
  end: AofEnd;
  /** timestamps in all files: 0 where `until` was asked for means that the files do not know times */
  timestamps: number;
}

/**
 * Reads a source to its end, or up to the time `until`, into a sink. RDB files go the same way as AOF files: but nothing may stand behind them.
 *
 * An AOF whose last file breaks off is good up to there, as it is for Redis (aof-load-truncated yes): `end.truncated` tells, and
 * `end.unfinished` what the caller must not let take effect. An earlier file that breaks off is an error, and so is an RDB.
 * Throws NaruError with the file's path as `place.node` and the offset in it: BAD_FORMAT, CHECKSUM_MISMATCH, FILE_TRUNCATED, FILE_UNREADABLE; and
 * UNTIL_TOO_EARLY, before any entry or command was given.
 */
export async function decodeFile(source: FileSource, options: DecodeOptions): Promise<DecodedEnd> {
  const decoding = new Decoding({ ...options, rdbOnly: source.kind === 'rdb' });
  await source.read(decoding);
  return decoding.result();
}

class Decoding implements FileConsumer {
  readonly #options: DecodeOptions;
  #walker: AofWalker;
  #part: FilePart | undefined;
  #first = false;
  #end: AofEnd | undefined;
  #timestamps = 0;

  constructor(options: DecodeOptions) {
    this.#options = options;
    this.#walker = new AofWalker(options.sink, options);
  }

  /** The base of an AOF has to be older than the time that is asked for. */
  #sink(path: string): AofSink {
    const { sink, until } = this.#options;
    if (until === undefined) return sink;
    const rdb = new BaseTime(sink.rdb, path, until);
    return { rdb, stream: sink.stream, timestamp: (seconds, offset) => sink.timestamp(seconds, offset) };
  }

  partBegins(part: FilePart): void {
    this.#end = undefined;
    this.#walker = new AofWalker(this.#sink(part.path), this.#options);
    this.#first = this.#part === undefined;
    this.#part = part;
    this.#options.partBegins?.(part);
  }

  write(slice: Buffer): Wish | Promise<Wish> {
    const taken = this.#take(slice, 0);
    if (taken < slice.length && !this.#walker.stopped) return this.#writeRest(slice, taken);
    const wish = this.#walker.stopped ? 'enough' : 'more';
    const wait = this.#options.breathe?.();
    return wait === undefined ? wish : wait.then(() => wish);
  }

  /** The walker wants to be called again for the rest: who takes its entries breathes in between. */
  async #writeRest(slice: Buffer, from: number): Promise<Wish> {
    for (let at = from; at < slice.length && !this.#walker.stopped; ) {
      await this.#options.breathe?.();
      at = this.#take(slice, at);
    }
    await this.#options.breathe?.();
    return this.#walker.stopped ? 'enough' : 'more';
  }

  #take(slice: Buffer, from: number): number {
    try {
      const { rdbEnd } = this.#walker;
      let taken = from;
      const decode = (): void => {
        taken = this.#walker.write(slice, from, slice.length);
      };
      if (this.#options.around === undefined) decode();
      else this.#options.around(decode);
      const bytes = this.#walker.rdbEnd - rdbEnd;
      if (bytes > 0) this.#options.rdbBytes?.(slice, from, from + bytes);
      return taken;
    } catch (error) {
      throw this.#named(error);
    }
  }

  partEnds(part: FilePart): Wish | Promise<Wish> {
    const end = this.#finish();
    if (part.last) return 'more';
    if (!end.truncated) return this.#options.partEnds?.(part).then(() => 'more') ?? 'more';
    const text = `${part.path} breaks off at offset ${end.validTo}, and other files of the AOF follow it`;
    throw new NaruError('FILE_TRUNCATED', text, { side: 'source', node: part.path, offset: end.validTo });
  }

  result(): DecodedEnd {
    const part = this.#part;
    if (part === undefined) throw new NaruError('INTERNAL', 'A file source without files');
    const end = this.#end ?? this.#finish();
    const { until } = this.#options;
    if (end.stoppedAt !== undefined && until !== undefined && this.#first && end.validTo === 0)
      throw untilTooEarly(part.path, until, end.stoppedAt);
    return { part, end, timestamps: this.#timestamps };
  }

  #finish(): AofEnd {
    try {
      const end = this.#walker.end();
      this.#timestamps += end.timestamps;
      this.#end = end;
      return end;
    } catch (error) {
      throw this.#named(error);
    }
  }

  #named(error: unknown): unknown {
    return toFileFormatError(error, this.#part?.path ?? '', this.#walker.validTo);
  }
}
