import type { ValueKind, ValueSink } from '../../protocol/rdb/value-sink.ts';

/** Counts what each of many values holds, one behind the other: elements of a list or set, members, fields, entries of a stream; 1 for a string. */
export class ElementCounter implements ValueSink {
  readonly #ended: (kind: ValueKind, elements: number, bytes: number) => void;
  #kind: ValueKind = 'string';
  #elements = 0;
  /** of the elements themselves, without what the serialization adds */
  #bytes = 0;

  constructor(ended: (kind: ValueKind, elements: number, bytes: number) => void) {
    this.#ended = ended;
  }

  begin(kind: ValueKind): void {
    this.#kind = kind;
    this.#bytes = 0;
    this.#elements = kind === 'string' || kind === 'module' ? 1 : 0;
  }

  element(_buf: Buffer, start: number, end: number): void {
    this.#bytes += end - start;
    this.#count();
  }

  elementLength(): void {
    this.#count();
  }

  elementPart(_buf: Buffer, start: number, end: number): void {
    this.#bytes += end - start;
  }

  score(): void {
    this.#elements++;
  }

  fieldExpireAt(): void {
    this.#elements++;
  }

  streamEntry(): void {
    this.#elements++;
  }

  streamMeta(): void {}
  streamGroup(): void {}
  streamConsumer(): void {}
  streamPending(): void {}

  end(): void {
    this.#ended(this.#kind, this.#elements, this.#bytes);
  }

  #count(): void {
    if (this.#kind === 'list' || this.#kind === 'set') this.#elements++;
  }
}
