/** What reads the packed structures of a value. */
import { PassOver } from './pass-over.ts';
import { BlobReader } from './value-blob.ts';
import { itemsOf, valueKind } from './value-kind.ts';
import type { ValueKind, ValueSink } from './value-sink.ts';
import { StreamItems, StreamTail } from './value-stream.ts';

export interface ValueReader {
  readonly kind: ValueKind;
  readonly blob: BlobReader;
  readonly stream?: StreamItems;
  readonly tail?: StreamTail;
  readonly module?: PassOver;
}

/** Those of one sink. They are made once for each type: small values are far more than that. A stream's state is larger: each has its own. */
export class ValueReaders {
  readonly #sink: ValueSink;
  readonly #partBytes: number;
  readonly #known: ((offset: number) => ValueReader)[] = [];

  constructor(sink: ValueSink, partBytes: number) {
    this.#sink = sink;
    this.#partBytes = partBytes;
  }

  /** For a value of this type (of the grammar) that begins at the absolute offset. */
  of(layout: number, offset: number): ValueReader {
    let reader = this.#known[layout];
    if (reader === undefined) {
      reader = this.#make(layout);
      this.#known[layout] = reader;
    }
    return reader(offset);
  }

  #make(layout: number): (offset: number) => ValueReader {
    const kind = valueKind(layout);
    if (kind === 'stream') return (offset) => this.#streamReader(offset);
    const items = itemsOf(layout, kind, this.#sink, 0);
    const blob = new BlobReader(items, this.#partBytes);
    if (kind === 'module') {
      const module = new PassOver();
      return () => {
        module.begin(layout);
        return { kind, blob, module };
      };
    }
    const reader: ValueReader = { kind, blob };
    return (offset) => {
      items.restart(offset);
      return reader;
    };
  }

  #streamReader(offset: number): ValueReader {
    const stream = new StreamItems(this.#sink, this.#partBytes);
    const tail = new StreamTail(this.#sink, stream, offset);
    return { kind: 'stream', blob: new BlobReader(stream, this.#partBytes), stream, tail };
  }
}
