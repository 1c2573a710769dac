import { FormatError } from '../format-error.ts';
import { type BigCommandSink, BigFrame } from './big-frame.ts';
import { NEEDS_MORE, parseDecimal, parsedDecimal } from './decimal.ts';
import { ARGC_MAX, CR, LF, unexpected } from './frame.ts';

/**
 * One command of a replication stream, whole in memory. One object is reused for all commands: what it shows is valid only during
 * `StreamSink.command`. Argument 0 is the command's name.
 */
export class CommandView {
  buf: Buffer = Buffer.alloc(0);
  /** the frame `*N\r\n...` is `buf[frameStart, frameEnd)` */
  frameStart = 0;
  frameEnd = 0;
  argc = 0;
  /** argument i is `buf[argStart[i], argEnd[i])` */
  argStart: Int32Array = new Int32Array(64);
  argEnd: Int32Array = new Int32Array(64);
  /** absolute offset of the frame's first byte, and of the byte behind the frame */
  offset = 0;
  endOffset = 0;

  /** A copy of argument `index` as bytes. Not for the hot path. */
  arg(index: number): Buffer {
    return Buffer.from(this.buf.subarray(this.argStart[index], this.argEnd[index]));
  }

  /** Argument `index` as text, byte for byte. Not for the hot path. */
  text(index: number): string {
    return this.buf.toString('latin1', this.argStart[index], this.argEnd[index]);
  }

  grow(argc: number): void {
    if (argc <= this.argStart.length) return;
    let size = this.argStart.length;
    while (size < argc) size *= 2;
    const start = new Int32Array(size);
    const end = new Int32Array(size);
    start.set(this.argStart);
    end.set(this.argEnd);
    this.argStart = start;
    this.argEnd = end;
  }
}

/** Synchronous; views are valid only during the call. */
export interface StreamSink extends BigCommandSink {
  command(command: CommandView): void;
}

const STAR = 0x2a;
const DOLLAR = 0x24;
const CARRY_FIRST = 16 * 1024;
const CARRY_STEP = 4096;

/**
 * Walks a replication stream (RESP arrays of bulk strings) that comes in slices of any size.
 *
 *     stream  = { newline | command }
 *     newline = "\n" | "\r\n"                    a master's keep-alive
 *     command = "*" argc CRLF { "$" length CRLF bytes CRLF }
 *
 * A command that lies whole in a slice is walked in place. The beginning of one that does not is kept in a carry buffer until it
 * is whole, unless it is larger than `bigCommandBytes`: then it is passed on while it arrives.
 */
export class CommandWalker {
  readonly #sink: StreamSink;
  readonly #bigCommandBytes: number;
  readonly #commandsOnly: boolean;
  readonly #view: CommandView = new CommandView();
  #carry: Buffer = Buffer.allocUnsafe(CARRY_FIRST);
  #carryLength = 0;
  /** total bytes that the frame needs before it is worth walking on */
  #needed = 0;
  /** where the walk of the frame stopped: its argument count (0: not known yet), the argument, and the argument's place in the frame */
  #argc = 0;
  #index = 0;
  #at = 0;
  /** absolute offset of the next byte that `write` will be given */
  #offset: number;
  #big: BigFrame | undefined;

  /** `commandsOnly`: nothing but commands is walked, and `write` stops in front of a byte that begins none. */
  constructor(
    sink: StreamSink,
    options: { bigCommandBytes: number; offset?: number; commandsOnly?: boolean },
  ) {
    this.#sink = sink;
    this.#commandsOnly = options.commandsOnly ?? false;
    this.#bigCommandBytes = options.bigCommandBytes;
    this.#offset = options.offset ?? 0;
  }

  /** Absolute offset behind the last byte written. */
  get offset(): number {
    return this.#offset;
  }

  /** Whether the last byte written ended a command. */
  get atBoundary(): boolean {
    return this.#carryLength === 0 && this.#big === undefined;
  }

  /** Forgets what was begun; the caller goes on with the bytes at `offset`, where a command begins. */
  restart(offset: number): void {
    this.#offset = offset;
    this.#carryLength = 0;
    this.#big = undefined;
  }

  /**
   * Takes `buf[start, end)` and returns `end`, or with `commandsOnly` the position of a byte that begins no command (`offset` is its offset
   * then). Throws FormatError, after which the walker is of no further use.
   */
  write(buf: Buffer, start: number, end: number): number {
    const base = this.#offset - start;
    let pos = start;
    while (pos < end) {
      if (this.#big !== undefined) pos = this.#passBig(this.#big, buf, pos, end, base);
      else if (this.#carryLength > 0) pos = this.#fillCarry(buf, pos, end, base);
      else if (this.#commandsOnly && buf[pos] !== STAR) break;
      else pos = this.#walkSlice(buf, pos, end, base);
    }
    this.#offset = base + pos;
    return pos;
  }

  #walkSlice(buf: Buffer, start: number, end: number, base: number): number {
    let pos = start;
    while (pos < end) {
      const next = this.#walkCommand(buf, pos, end, base);
      if (next === NEEDS_MORE) {
        if (this.#needed > this.#bigCommandBytes) return this.#beginBig(pos, base);
        this.#carryOff(buf, pos, end);
        return end;
      }
      pos = next;
      if (this.#commandsOnly && buf[pos] !== STAR) return pos;
    }
    return pos;
  }

  /** The beginning of a frame goes to the carry, and the places of the arguments that were walked move with it. */
  #carryOff(buf: Buffer, start: number, end: number): void {
    const { argStart, argEnd } = this.#view;
    const walked = this.#argc === 0 ? 0 : this.#index;
    for (let index = 0; index < walked; index++) {
      argStart[index] = (argStart[index] as number) - start;
      argEnd[index] = (argEnd[index] as number) - start;
    }
    this.#append(buf, start, end);
  }

  /** Adds to the carry what its frame needs, and walks on in it from where the walk stopped. */
  #fillCarry(buf: Buffer, start: number, end: number, base: number): number {
    const before = this.#carryLength;
    const take = Math.min(end - start, Math.max(this.#needed - before, before, CARRY_STEP));
    this.#append(buf, start, start + take);
    const length = this.#carryLength;
    if (length < this.#needed) return start + take;
    const carryBase = base + start - before;
    const known = this.#argc > 0;
    const next = known
      ? this.#walkArguments(this.#carry, 0, length, carryBase)
      : this.#walkCommand(this.#carry, 0, length, carryBase);
    if (next === NEEDS_MORE) {
      if (this.#needed > this.#bigCommandBytes) this.#carryIntoBig(carryBase);
      return start + take;
    }
    this.#carryLength = 0;
    // What stands behind the frame came with this slice: it is walked where it is.
    return start + take - (length - next);
  }

  #append(buf: Buffer, start: number, end: number): void {
    const length = this.#carryLength + end - start;
    if (length > this.#carry.length) {
      let size = this.#carry.length * 2;
      while (size < length) size *= 2;
      const larger = Buffer.allocUnsafe(size);
      this.#carry.copy(larger, 0, 0, this.#carryLength);
      this.#carry = larger;
    }
    buf.copy(this.#carry, this.#carryLength, start, end);
    this.#carryLength = length;
  }

  /** Walks one command at `start`; returns the position behind it, or NEEDS_MORE with `#needed` set. */
  #walkCommand(buf: Buffer, start: number, end: number, base: number): number {
    this.#argc = 0;
    const first = buf[start];
    if (first === LF) return start + 1;
    if (first === CR) {
      if (end - start < 2) return this.#needs(2);
      if (buf[start + 1] === LF) return start + 2;
    }
    if (first !== STAR) throw unexpected('a command', buf, start, base);
    const pos = parseDecimal(buf, start + 1, end, base);
    if (pos === NEEDS_MORE) return this.#needs(end - start + 1);
    const argc = parsedDecimal;
    if (argc < 1 || argc > ARGC_MAX)
      throw new FormatError('malformed', `A command of ${argc} arguments`, base + start);
    // A count alone must not make memory: room grows with the arguments that are really there.
    this.#view.grow(Math.min(argc, 1024));
    this.#argc = argc;
    this.#index = 0;
    this.#at = pos - start;
    return this.#walkArguments(buf, start, end, base);
  }

  /** Walks on from argument `#index`, which is to begin at `#at` of the frame. */
  #walkArguments(buf: Buffer, start: number, end: number, base: number): number {
    const view = this.#view;
    const argc = this.#argc;
    let pos = start + this.#at;
    for (let index = this.#index; index < argc; index++) {
      const at = pos;
      if (pos >= end) return this.#stopsAt(index, at - start, pos - start + 1);
      if (buf[pos] !== DOLLAR) throw unexpected('an argument', buf, pos, base);
      pos = parseDecimal(buf, pos + 1, end, base);
      if (pos === NEEDS_MORE) return this.#stopsAt(index, at - start, end - start + 1);
      const length = parsedDecimal;
      if (length < 0) throw new FormatError('malformed', `An argument of ${length} bytes`, base + start);
      const argEnd = pos + length;
      if (argEnd + 2 > end) return this.#stopsAt(index, at - start, argEnd + 2 - start);
      if (buf[argEnd] !== CR || buf[argEnd + 1] !== LF)
        throw unexpected('the end of an argument', buf, argEnd, base);
      if (index >= view.argStart.length) view.grow(index + 1);
      view.argStart[index] = pos;
      view.argEnd[index] = argEnd;
      pos = argEnd + 2;
    }
    view.buf = buf;
    view.frameStart = start;
    view.frameEnd = pos;
    view.argc = argc;
    view.offset = base + start;
    view.endOffset = base + pos;
    this.#sink.command(view);
    return pos;
  }

  #stopsAt(index: number, at: number, needed: number): number {
    this.#index = index;
    this.#at = at;
    return this.#needs(needed);
  }

  #needs(bytes: number): number {
    this.#needed = bytes;
    return NEEDS_MORE;
  }

  #beginBig(pos: number, base: number): number {
    this.#big = new BigFrame(base + pos);
    return pos;
  }

  /** The carry turned out to be the beginning of a big command: it goes through the big path, as if it came only now. */
  #carryIntoBig(carryBase: number): void {
    const big = new BigFrame(carryBase);
    this.#big = big;
    const length = this.#carryLength;
    this.#carryLength = 0;
    const used = this.#passBig(big, this.#carry, 0, length, carryBase);
    if (used !== length) throw new FormatError('malformed', 'A command ended too early', carryBase + used);
    // A carry that has grown for this command is not kept for ever.
    if (this.#carry.length > 1024 * 1024) this.#carry = Buffer.allocUnsafe(CARRY_FIRST);
  }

  #passBig(big: BigFrame, buf: Buffer, start: number, end: number, base: number): number {
    const pos = big.take(buf, start, end, base, this.#sink);
    if (big.done) this.#big = undefined;
    return pos;
  }
}
