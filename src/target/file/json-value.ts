import type { StreamMeta, ValueKind, ValueSink } from '../../protocol/rdb/value-sink.ts';
import { counterJson, type JsonText, scoreJson } from './json-text.ts';

/**
 * Values as JSON, one behind the other, written while they are taken apart. S stands for a string, or `{"base64":"..."}` where the bytes are not UTF-8 or are more
 * than 1 MiB.
 *
 *     string  S
 *     list    [S, ...]                        set  [S, ...]
 *     zset    [[S, score], ...]               score: a number, or "inf", "-inf", "nan", "-0"
 *     hash    [[S, S], [S, S, expireAtMs], ...]
 *     stream  {"entries": [["1-1", [S, S, ...]], ["1-2", null], ...], "length", "firstId", "lastId", "maxDeletedId", "entriesAdded",
 *              "groups": [{"name": S, "lastId", "entriesRead", "consumers": [{"name": S, "seenAtMs", "activeAtMs",
 *              "pending": [["1-1", deliveredAtMs, deliveries], ...]}]}]}
 *     module  {"base64":"..."}                as it is serialized
 */
export class JsonValue implements ValueSink {
  readonly #out: JsonText;
  readonly #begun: (kind: ValueKind) => void;
  readonly #ended: () => void;
  #kind: ValueKind = 'string';
  /** items of the array that is being written */
  #items = 0;
  /** elements of a hash's field or a stream's entry that were written, and how many it has */
  #inner = 0;
  #innerCount = 0;
  #partLeft = 0;
  #groups = 0;
  #consumers = 0;

  /** `begun` is called before each value's first byte is written, `ended` behind its last one. */
  constructor(out: JsonText, begun: (kind: ValueKind) => void, ended: () => void) {
    this.#out = out;
    this.#begun = begun;
    this.#ended = ended;
  }

  begin(kind: ValueKind): void {
    this.#kind = kind;
    this.#items = 0;
    this.#inner = 0;
    this.#groups = 0;
    this.#consumers = 0;
    this.#begun(kind);
    if (kind === 'module') this.#out.beginBase64();
    else if (kind === 'stream') this.#out.raw('{"entries":[');
    else if (kind !== 'string') this.#out.raw('[');
  }

  element(buf: Buffer, start: number, end: number): void {
    if (this.#kind === 'module') {
      this.#out.base64Part(buf, start, end);
      return;
    }
    this.#before();
    this.#out.bytes(buf, start, end);
    this.#after();
  }

  elementLength(bytes: number): void {
    this.#before();
    this.#partLeft = bytes;
    this.#out.beginBase64();
  }

  elementPart(buf: Buffer, start: number, end: number): void {
    this.#out.base64Part(buf, start, end);
    if (this.#kind === 'module') return;
    this.#partLeft -= end - start;
    if (this.#partLeft > 0) return;
    this.#out.endBase64();
    this.#after();
  }

  score(score: number): void {
    this.#out.raw(',');
    this.#out.raw(scoreJson(score));
    this.#out.raw(']');
  }

  fieldExpireAt(ms: number): void {
    this.#out.raw(ms < 0 ? ']' : `,${ms}]`);
    this.#inner = 0;
  }

  streamEntry(ms: bigint, seq: bigint, pairs: number): void {
    this.#item(`["${ms}-${seq}",[${pairs === 0 ? ']]' : ''}`);
    this.#inner = 0;
    this.#innerCount = 2 * pairs;
  }

  streamDeleted(ms: bigint, seq: bigint): void {
    this.#item(`["${ms}-${seq}",null]`);
  }

  streamMeta(meta: StreamMeta): void {
    const ids = [
      `"firstId":"${meta.firstMs}-${meta.firstSeq}"`,
      `"lastId":"${meta.lastMs}-${meta.lastSeq}"`,
      `"maxDeletedId":"${meta.maxDeletedMs}-${meta.maxDeletedSeq}"`,
    ];
    const added = counterJson(meta.entriesAdded);
    this.#out.raw(`],"length":${meta.length},${ids.join(',')},"entriesAdded":${added},"groups":[`);
  }

  streamGroup(name: Buffer, lastMs: bigint, lastSeq: bigint, entriesRead: bigint): void {
    this.#endGroup();
    const read = entriesRead < 0n ? 'null' : counterJson(entriesRead);
    const rest = `"lastId":"${lastMs}-${lastSeq}","entriesRead":${read},"consumers":[`;
    this.#named(this.#groups++, name, rest);
    this.#consumers = 0;
  }

  streamConsumer(name: Buffer, seenAtMs: number, activeAtMs: number): void {
    this.#endConsumer();
    const active = activeAtMs < 0 ? 'null' : activeAtMs;
    const rest = `"seenAtMs":${seenAtMs},"activeAtMs":${active},"pending":[`;
    this.#named(this.#consumers++, name, rest);
    this.#items = 0;
  }

  streamPending(ms: bigint, seq: bigint, deliveredAtMs: number, deliveries: number): void {
    this.#item(`["${ms}-${seq}",${deliveredAtMs},${deliveries}]`);
  }

  end(): void {
    if (this.#kind === 'module') this.#out.endBase64();
    else if (this.#kind === 'stream') {
      this.#endGroup();
      this.#out.raw(']}');
    } else if (this.#kind !== 'string') this.#out.raw(']');
    this.#ended();
  }

  #named(before: number, name: Buffer, rest: string): void {
    this.#out.raw(before === 0 ? '{"name":' : ',{"name":');
    this.#out.bytes(name, 0, name.length);
    this.#out.raw(`,${rest}`);
  }

  #item(text: string): void {
    if (this.#items++ > 0) this.#out.raw(',');
    this.#out.raw(text);
  }

  #before(): void {
    switch (this.#kind) {
      case 'list':
      case 'set':
        this.#item('');
        return;
      case 'zset':
        this.#item('[');
        return;
      case 'hash':
        if (this.#inner++ === 0) this.#item('[');
        else this.#out.raw(',');
        return;
      case 'stream':
        if (this.#inner++ > 0) this.#out.raw(',');
    }
  }

  #after(): void {
    if (this.#kind === 'stream' && this.#inner === this.#innerCount) this.#out.raw(']]');
  }

  #endConsumer(): void {
    if (this.#consumers > 0) this.#out.raw(']}');
  }

  #endGroup(): void {
    if (this.#groups === 0) return;
    this.#endConsumer();
    this.#out.raw(']}');
  }
}
