import type { CommandSink } from '../command-sink.ts';

/** Bytes of one block. 64 KiB: large enough that a system call carries hundreds of small keys, small enough to be cheap when idle. */
export const BLOCK_BYTES: number = 64 * 1024;
/** Blocks that are kept for later, 2 MiB: a burst may take more for a while, which then go back to the system. */
const FREE_BLOCKS_MAX = 32;
/** Most pairs in one MSET: beyond this the target's gain is lost in the noise (measured: 64 -> 256 gives 4 %), and each holds up its other clients. */
export const RUN_PAIRS_MAX = 256;
/** A pair larger than this gains nothing in an MSET. */
export const RUN_PAIR_BYTES_MAX: number = 4 * 1024;

/** `*513\r\n$4\r\nMSET\r\n`: the longest header that a run can have */
const RUN_HEADER_BYTES = 16;
/** the same without the digits of the argument count */
const RUN_HEADER_FIXED = 13;
/** Below this a loop is cheaper than Buffer.copy, which makes a view for each call (measured on Node 20: 60 ns). */
const LOOP_COPY_BYTES = 32;
const CR = 0x0d;
const LF = 0x0a;
const STAR = 0x2a;
const DOLLAR = 0x24;

/** Takes a block whose bytes are to be sent; `done` gives it back once they are on their way. */
export type BlockWriter = (bytes: Buffer, done: () => void) => void;

/**
 * Writes RESP commands into blocks that are used again and again: nothing is allocated for a command. A command may span blocks.
 *
 * A run of plain strings becomes one MSET: its pairs are written one behind the other, with room for the longest header in front; when
 * the run ends the header is known, and the pairs move down by the one or two bytes that it is shorter.
 */
export class Output implements CommandSink {
  readonly #write: BlockWriter;
  readonly #free: Buffer[] = [];
  #block: Buffer = Buffer.allocUnsafeSlow(BLOCK_BYTES);
  #used = 0;
  /** bytes handed over so far, the present block not counted */
  #handedOver = 0;
  #runStart = 0;
  #runPairs = 0;
  /** bytes of a streamed argument that are still to come */
  #partsLeft = 0;

  constructor(write: BlockWriter) {
    this.#write = write;
  }

  /** All bytes written so far. A run that is not finished yet counts with its longest header. */
  get total(): number {
    return this.#handedOver + this.#used;
  }

  /** Pairs in the MSET that is being built; 0: none is. */
  get runPairs(): number {
    return this.#runPairs;
  }

  /** Hands over what there is. A run must be finished first. */
  flush(): void {
    if (this.#used > 0) this.#handOver();
  }

  /** Forgets what was not handed over yet; `total` counts it all the same. */
  discard(): void {
    this.#handedOver += this.#used;
    this.#used = 0;
    this.#runPairs = 0;
  }

  begin(argc: number): void {
    this.#ensure(24);
    this.#block[this.#used++] = STAR;
    this.#decimal(argc);
    this.#crlf();
  }

  arg(buf: Buffer, start: number, end: number): void {
    this.#ensure(24);
    this.#block[this.#used++] = DOLLAR;
    this.#decimal(end - start);
    this.#crlf();
    this.raw(buf, start, end);
    this.#ensure(2);
    this.#crlf();
  }

  argText(text: string): void {
    this.#ensure(text.length + 24);
    this.#block[this.#used++] = DOLLAR;
    this.#decimal(text.length);
    this.#crlf();
    this.#used += this.#block.write(text, this.#used, 'latin1');
    this.#crlf();
  }

  argLength(bytes: number): void {
    this.#ensure(26);
    this.#block[this.#used++] = DOLLAR;
    this.#decimal(bytes);
    this.#crlf();
    this.#partsLeft = bytes;
    if (bytes === 0) this.#crlf();
  }

  argPart(buf: Buffer, start: number, end: number): void {
    this.raw(buf, start, end);
    this.#partsLeft -= end - start;
    if (this.#partsLeft > 0) return;
    if (this.#partsLeft < 0) throw new RangeError('An argument got more bytes than its length');
    this.#ensure(2);
    this.#crlf();
  }

  end(): void {}

  /** Whether a pair of `bytes` (both arguments with their headers) fits into the run under way. */
  runHasRoom(bytes: number): boolean {
    return this.#runPairs > 0 && this.#runPairs < RUN_PAIRS_MAX && this.#used + bytes <= BLOCK_BYTES;
  }

  /** Begins an MSET with room for a first pair of `bytes`. */
  beginRun(bytes: number): void {
    this.#ensure(RUN_HEADER_BYTES + bytes);
    this.#runStart = this.#used;
    this.#used += RUN_HEADER_BYTES;
  }

  /** The two arguments just written were a pair of the run. */
  pairDone(): void {
    this.#runPairs++;
  }

  /** Ends the run: writes its header in front of the pairs. */
  finishRun(): void {
    const block = this.#block;
    const argc = this.#runPairs * 2 + 1;
    const spare = RUN_HEADER_BYTES - RUN_HEADER_FIXED - (argc < 10 ? 1 : argc < 100 ? 2 : 3);
    if (spare > 0) {
      block.copyWithin(
        this.#runStart + RUN_HEADER_BYTES - spare,
        this.#runStart + RUN_HEADER_BYTES,
        this.#used,
      );
    }
    const end = this.#used - spare;
    this.#used = this.#runStart;
    block[this.#used++] = STAR;
    this.#decimal(argc);
    this.#used += block.write('\r\n$4\r\nMSET\r\n', this.#used, 'latin1');
    this.#used = end;
    this.#runPairs = 0;
  }

  /** Bytes as they are: a whole command, or a part of one. */
  raw(buf: Buffer, start: number, end: number): void {
    let from = start;
    while (from < end) {
      if (this.#used === BLOCK_BYTES) this.#handOver();
      const take = Math.min(end - from, BLOCK_BYTES - this.#used);
      this.#copy(buf, from, from + take);
      from += take;
    }
  }

  #copy(buf: Buffer, start: number, end: number): void {
    const block = this.#block;
    let at = this.#used;
    if (end - start > LOOP_COPY_BYTES) buf.copy(block, at, start, end);
    else for (let from = start; from < end; from++) block[at++] = buf[from] as number;
    this.#used += end - start;
  }

  #ensure(bytes: number): void {
    if (this.#used + bytes > BLOCK_BYTES) this.#handOver();
  }

  #crlf(): void {
    this.#block[this.#used++] = CR;
    this.#block[this.#used++] = LF;
  }

  #decimal(value: number): void {
    this.#used = writeDecimal(this.#block, this.#used, value);
  }

  #handOver(): void {
    const block = this.#block;
    this.#handedOver += this.#used;
    this.#write(block.subarray(0, this.#used), () => {
      if (this.#free.length < FREE_BLOCKS_MAX) this.#free.push(block);
    });
    this.#block = this.#free.pop() ?? Buffer.allocUnsafeSlow(BLOCK_BYTES);
    this.#used = 0;
  }
}

/** Writes a whole number >= 0 as decimal digits at `at`; returns the position behind it. */
export function writeDecimal(block: Buffer, at: number, value: number): number {
  let digits = 1;
  for (let bound = 10; value >= bound; bound *= 10) digits++;
  let rest = value;
  for (let pos = at + digits - 1; pos >= at; pos--) {
    const next = Math.floor(rest / 10);
    block[pos] = 0x30 + (rest - next * 10);
    rest = next;
  }
  return at + digits;
}
