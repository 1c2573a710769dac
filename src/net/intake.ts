/** Where the bytes that arrive on a connection go. */

/**
 * Takes bytes as they arrive. The connection asks for space ahead of the bytes, sometimes more than once: only what `space()`
 * returned last counts. A reader that was replaced may find bytes in its last space until the new one has got its first: so that
 * memory must not be used for anything else before.
 */
export interface Reader {
  /** Where the next bytes go; at least 1 byte long. */
  space(): Buffer;
  /** n bytes stand at the start of what space() returned last. Synchronous. */
  received(n: number): void;
}

/** The kernel needs a buffer before there is a reader. Bytes leave it before the event loop turns, so all connections share it. */
const SCRATCH = Buffer.allocUnsafeSlow(16 * 1024);

/**
 * Node takes the buffer for a read right after the read before it, so when the reader is replaced between them the bytes lie in the
 * old reader's space. They are copied then; in all other cases the kernel writes where the reader wants them.
 */
export class Intake {
  reader: Reader | undefined;
  /** Whether any byte has arrived. */
  begun = false;
  /** Told what a reader throws. */
  onFault: (error: unknown) => void = () => {};
  #given: Buffer = SCRATCH;
  #givenBy: Reader | undefined;

  /** The buffer for the next read. */
  next(): Buffer {
    try {
      this.#givenBy = this.reader;
      this.#given = this.reader === undefined ? SCRATCH : spaceOf(this.reader);
    } catch (error) {
      this.#given = SCRATCH;
      this.onFault(error);
    }
    return this.#given;
  }

  /** `n` bytes were read into what `next` returned last. */
  arrived(n: number): void {
    this.begun = true;
    if (this.reader !== this.#givenBy) {
      // A copy of its own: the new reader's space may overlap the old one's.
      this.chunk(Buffer.from(this.#given.subarray(0, n)));
      return;
    }
    try {
      this.reader?.received(n);
    } catch (error) {
      this.onFault(error);
    }
  }

  /** Bytes that came in a buffer of their own. The reader may be replaced between the parts; none at all means closed. */
  chunk(bytes: Buffer): void {
    this.begun = true;
    try {
      for (let at = 0; at < bytes.length && this.reader !== undefined; ) {
        const reader = this.reader;
        const taken = bytes.copy(spaceOf(reader), 0, at);
        at += taken;
        reader.received(taken);
      }
    } catch (error) {
      this.onFault(error);
    }
  }
}

/** An empty space would be read as the end of the connection, or never be filled. */
function spaceOf(reader: Reader): Buffer {
  const space = reader.space();
  if (space.length === 0) throw new Error('a reader gave no space for what arrives');
  return space;
}
