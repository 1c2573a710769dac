import { lengthBytes, type ValueBuffer, writeLength } from '../transcode/value-buffer.ts';
import { TYPE_STRING } from '../types.ts';
import type { ValueSink } from '../value-sink.ts';

const ROOM = 5;

/** A string, in as many pieces as one likes: its length is written into room that is left for it. */
export class StringWriter implements ValueSink {
  readonly type: number = TYPE_STRING;
  start = 0;
  readonly #out: ValueBuffer;

  constructor(out: ValueBuffer) {
    this.#out = out;
  }

  begin(): void {
    this.#out.begin(ROOM);
  }

  element(buf: Buffer, start: number, end: number): void {
    this.#out.bytes(buf, start, end);
  }

  elementLength(): void {}

  elementPart(buf: Buffer, start: number, end: number): void {
    this.#out.bytes(buf, start, end);
  }

  score(): void {}
  fieldExpireAt(): void {}
  streamEntry(): void {}
  streamMeta(): void {}
  streamGroup(): void {}
  streamConsumer(): void {}
  streamPending(): void {}

  end(): void {
    const length = this.#out.end - ROOM;
    this.start = ROOM - lengthBytes(length);
    writeLength(this.#out.buf, this.start, length);
  }
}
