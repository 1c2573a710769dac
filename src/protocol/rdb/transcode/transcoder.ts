/** Values for a server that can't read them as they stand. */
import { FormatError } from '../../format-error.ts';
import type { Flavour } from '../sink.ts';
import * as t from '../types.ts';
import { ValueDecoder } from '../value-decoder.ts';
import { CANNOT_MODULE, CANNOT_STREAM } from './lost.ts';
import { PlainWriter } from './plain-writer.ts';
import { type Readable, readsType } from './readable.ts';
import { StreamNarrower } from './stream-narrower.ts';
import { ValueBuffer } from './value-buffer.ts';

export { CANNOT_MODULE, CANNOT_STREAM, EMPTY, LOST_FIELD_EXPIRY } from './lost.ts';

/** Newest first. */
const STREAMS: readonly number[] = [
  t.TYPE_STREAM_LISTPACKS_4,
  t.TYPE_STREAM_LISTPACKS_3,
  t.TYPE_STREAM_LISTPACKS_2,
  t.TYPE_STREAM_LISTPACKS,
];

/**
 * Turns a RESTORE payload into another one of the same value, in an encoding that the server knows: collections are taken apart and written
 * in the plain form (`PlainWriter`), of a stream the spans stay that the older form has (`StreamNarrower`). So it remains one atomic command.
 */
export class Transcoder {
  /** What the last `transcode` made: `buf[start, end)`, valid until the next one, with its type byte and the version of its payload. */
  buf: Buffer = Buffer.alloc(0);
  start = 0;
  end = 0;
  type = 0;
  version = 0;
  readonly #readable: Readable;
  /** by type byte: 1: goes as it stands */
  readonly #redisAsIs: Uint8Array;
  readonly #valkeyAsIs: Uint8Array;
  readonly #out = new ValueBuffer();
  readonly #plain: PlainWriter;
  readonly #decoders: Partial<Record<Flavour, ValueDecoder>> = {};
  /** the newest form of streams that the server reads; undefined: it has none */
  readonly #stream: number | undefined;
  readonly #narrowers: StreamNarrower[] = [];

  constructor(readable: Readable) {
    this.#readable = readable;
    this.#redisAsIs = typesAsIs(readable, 'redis');
    this.#valkeyAsIs = typesAsIs(readable, 'valkey');
    this.#plain = new PlainWriter(readable, this.#out);
    this.#stream = STREAMS.find((type) => readsType(readable, type));
  }

  /** Whether the server reads a value of this type as it stands. */
  readsAsIs(type: number, flavour: Flavour): boolean {
    return (flavour === 'redis' ? this.#redisAsIs : this.#valkeyAsIs)[type] === 1;
  }

  /**
   * Makes of `value[start, end)`, a serialized value without its type byte, one that the server reads; it comes out as `buf[start, end)` and
   * `type` of this object. Returns what is lost, bits of lost.ts; 0: nothing is. Not counted as lost are a stream's times and counters, which
   * no older server holds. What goes as it stands comes back as it is. Throws FormatError, with the distance from `start` as far as known.
   */
  transcode(
    type: number,
    flavour: Flavour,
    value: Buffer,
    start: number,
    end: number,
    nowMs: number,
  ): number {
    this.version = this.#readable.redis;
    if (this.readsAsIs(type, flavour)) return this.#asItStands(type, flavour, value, start, end);
    if (type === t.TYPE_MODULE_2) return CANNOT_MODULE;
    if (STREAMS.includes(type)) return this.#narrow(type, value, start, end);
    return this.#rewrite(type, flavour, value, start, end, nowMs);
  }

  #asItStands(type: number, flavour: Flavour, value: Buffer, start: number, end: number): number {
    this.buf = value;
    this.start = start;
    this.end = end;
    this.#typed(t.grammarType(type, flavour));
    return 0;
  }

  #narrow(type: number, value: Buffer, start: number, end: number): number {
    if (this.#stream === undefined) return CANNOT_STREAM;
    this.#narrowers[type] ??= new StreamNarrower(type, this.#stream);
    this.#out.begin(0);
    this.#narrowers[type].narrow(value, start, end, this.#out);
    this.#made(this.#stream, 0);
    return 0;
  }

  #rewrite(type: number, flavour: Flavour, value: Buffer, start: number, end: number, nowMs: number): number {
    const plain = this.#plain;
    const decoder = this.#decoder(type, flavour);
    plain.nowMs = nowMs;
    const next = decoder.write(value, start, end);
    if (!decoder.done) throw new FormatError('truncated', 'a value that is not whole', end - start, { type });
    if (next !== end) throw new FormatError('malformed', 'bytes behind a value', next - start, { type });
    this.#made(plain.type, plain.start);
    return plain.lost;
  }

  #decoder(type: number, flavour: Flavour): ValueDecoder {
    const known = this.#decoders[flavour];
    if (known !== undefined) {
      known.restart(type, 0);
      return known;
    }
    const made = new ValueDecoder(type, flavour, this.#plain);
    this.#decoders[flavour] = made;
    return made;
  }

  #made(layout: number, start: number): void {
    this.buf = this.#out.buf;
    this.start = start;
    this.end = this.#out.end;
    this.#typed(layout);
  }

  /** Only one type of the grammar has another number in a payload, and it belongs to Valkey's own version. */
  #typed(layout: number): void {
    const own = layout === t.TYPE_HASH_2;
    this.type = own ? t.TYPE_HASH_METADATA_PRE_GA : layout;
    if (own) this.version = t.VALKEY_VERSION_MAX;
  }
}

function typesAsIs(readable: Readable, flavour: Flavour): Uint8Array {
  return Uint8Array.from({ length: 256 }, (_, type) =>
    type < t.TYPE_HASH_2 && readsType(readable, t.grammarType(type, flavour)) ? 1 : 0,
  );
}
