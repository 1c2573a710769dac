import { NaruError } from '../../../errors/errors.ts';
import { RespClient } from '../../../net/client.ts';
import type { Reader as ByteReader, Connection } from '../../../net/connection.ts';
import { Output } from '../../../protocol/resp/output.ts';
import { Signal } from '../../../spool/signal.ts';
import type { Abilities } from './abilities.ts';
import type { Batch } from './batch.ts';
import { BatchQueue } from './batch-queue.ts';
import type { ScanWalk } from './cursors.ts';
import { Dumped } from './dumped.ts';
import { EXPIRY, Kinds, SCAN, TIME, VALUE } from './kinds.ts';
import type { Load } from './load.ts';
import type { ScanMemory } from './memory.ts';
import type { Pace } from './pace.ts';
import { readAlone } from './read-alone.ts';
import type { RecordWriter } from './records.ts';
import { isElsewhere, refusedKey, refusedQuestion } from './refusal.ts';
import { ReplyBuffer } from './reply-buffer.ts';
import { LENGTH, SIZE, Sizer, TYPE } from './sizer.ts';
import type { ToldKeys } from './told-keys.ts';
import type { ValueReader } from './value-reader.ts';
import { WalkSteps } from './walk-steps.ts';
import { Window } from './window.ts';

export interface ReaderOptions {
  readonly records: RecordWriter;
  /** larger keys are read in pieces */
  readonly bigKeyBytes: number;
  /** COUNT of a SCAN */
  readonly count: number;
  readonly pace: Pace;
  readonly load: Load;
  /** undefined: nothing is read twice */
  readonly memory?: ScanMemory | undefined;
  /** of a cluster that is followed: takes out of a batch what this node may not read */
  readonly sift?: ((batch: Batch) => void) | undefined;
  /** undefined: a key that is told twice is read twice */
  readonly told?: ToldKeys | undefined;
  /** undefined: what is too large to be asked for whole can't be read */
  readonly values: ValueReader | undefined;
}

export interface ReaderListener {
  /** All keys of a batch are in the spool, or are gone. The batch is used again afterwards. */
  onBatch(batch: Batch): void;
  /** It can not go on. */
  onFailure(error: NaruError): void;
}

const DASH = 0x2d;
const COLON = 0x3a;
const DOLLAR = 0x24;

/**
 * Reads keys from one connection, and writes them as records: steps of a walk, then the keys' sizes, then expiry and value of those that are
 * small, all pipelined. What is large, or anything where the source has no DUMP, is read alone by a ValueReader.
 *
 * The checksum behind a DUMP is not verified: the source made it the moment before, from memory that PSYNC sends without any, and on the way TCP
 * or TLS have their own.
 *
 * Answers come in the order of the questions, so what an answer is about follows from counting; batches are finished one after the other.
 * Nothing is lost with a connection: what was not answered is asked again on the next, and a key that is in the spool is not read twice.
 */
export class Reader implements ByteReader {
  /** keys that were gone when their value was asked for */
  vanished = 0;
  readonly #options: ReaderOptions;
  readonly #listener: ReaderListener;
  readonly #in = new ReplyBuffer();
  readonly #asked = new Kinds();
  readonly #output: Output;
  /** what is to be read, and empty batches for that */
  readonly queue: BatchQueue = new BatchQueue();
  readonly #sizer: Sizer;
  readonly #dumped: Dumped;
  readonly steps: WalkSteps;
  #connection: Connection | undefined;
  #abilities!: Abilities;
  /** somebody else speaks on the connection */
  #busy = false;
  #timer: NodeJS.Timeout | undefined;
  #awaitsRoom = false;
  readonly #window = new Window();
  #timeAsked = false;

  constructor(options: ReaderOptions, listener: ReaderListener) {
    this.#options = options;
    this.#listener = listener;
    this.#output = new Output((bytes, done) => {
      if (this.#connection === undefined) done();
      else this.#connection.write(bytes, done);
    });
    this.steps = new WalkSteps(options.told);
    this.#dumped = new Dumped(this.#in, options.records, options.memory);
    this.#sizer = new Sizer(this.queue.all, this.#output, this.#asked);
  }

  // ---- what to read

  /** Begins a walk through the database that is selected, or goes on with it. */
  walk(walk: ScanWalk, db: number, cursor: string): void {
    this.steps.begin(walk, db, cursor);
    this.#goOn();
  }

  /** The cursor is of no use any more: keys that are known are read, and the walk begins anew. */
  startOver(): void {
    this.steps.startOver();
    for (const batch of this.queue.all) batch.place = undefined;
  }

  /** Reads these keys, in the database that is selected. */
  read(batch: Batch): void {
    this.#options.sift?.(batch);
    this.queue.all.push(batch);
    this.#finishBatches();
    this.#goOn();
  }

  /** Nothing is left to read. */
  get idle(): boolean {
    return this.steps.ended && this.queue.all.length === 0 && !this.#busy;
  }

  /** Wakes when something has been read. */
  readonly progress: Signal = new Signal();

  // ---- the connection

  /** Goes on with a connection on which nothing is under way, in the database of before. */
  attach(connection: Connection, abilities: Abilities): void {
    this.#abilities = abilities;
    this.#in.clear();
    this.#asked.clear();
    this.#output.discard();
    this.steps.drop();
    this.#busy = false;
    this.#window.clear();
    for (const batch of this.queue.all) batch.askAgain();
    this.#connection = connection;
    connection.setReader(this);
    this.#goOn();
    this.progress.wake();
  }

  detach(): void {
    this.#connection = undefined;
    this.#output.discard();
    clearTimeout(this.#timer);
  }

  /** Asks something else, while nothing is under way. Rejects as RespClient does. */
  async exclusively<T>(ask: (client: RespClient) => Promise<T>): Promise<T> {
    const connection = this.#connection;
    if (connection === undefined) throw new NaruError('LINK_LOST', 'No connection', { side: 'source' });
    this.#busy = true;
    const answer = await ask(new RespClient(connection));
    if (this.#connection === connection) {
      connection.setReader(this);
      this.#busy = false;
    }
    return answer;
  }

  space(): Buffer {
    return this.#in.space();
  }

  received(n: number): void {
    const { records, pace } = this.#options;
    const input = this.#in;
    const from = records.offset;
    input.end += n;
    input.need = 0;
    while (input.pos < input.end && this.#connection !== undefined) {
      if (this.#asked.count === 0) throw input.bad(input.pos);
      const next = this.#take(this.#asked.first, input.pos);
      if (next < 0) break;
      input.pos = next;
      this.#asked.shift();
    }
    pace.took(0, records.offset - from);
    records.flush();
    this.#finishBatches();
    this.#goOn();
  }

  #goOn(): void {
    const { load, records } = this.#options;
    if (this.#connection === undefined || this.#busy || this.#window.isHalfFull(load.share)) return;
    if (!records.hasRoom) {
      this.#waitForRoom();
      return;
    }
    this.#timeAsked = false;
    // Where no sizes are to be had, what was found by now can be asked for at once.
    if (!this.#askValues()) {
      this.#askAhead();
      this.#askValues();
    }
    this.#output.flush();
  }

  #askAhead(): void {
    for (const batch of this.queue.all)
      if (batch.asked < batch.count) this.#sizer.ask(batch, this.#abilities);
    const { count, load } = this.#options;
    if (!this.steps.due || !this.queue.takesMore) return;
    this.steps.ask(this.#output, Math.max(1, Math.round(count * load.share)));
    this.#asked.push(SCAN);
  }

  /** True: a key has to be read alone, and nothing more is asked before that. */
  #askValues(): boolean {
    const { pace, load } = this.#options;
    for (;;) {
      const batch = this.queue.next;
      if (batch === undefined) return false;
      const size = batch.sizes[batch.wanted] as number;
      const alone = size > this.#options.bigKeyBytes || !this.#abilities.dump;
      if (alone ? this.#asked.count > 0 : this.#window.isFull(size, load.share)) return alone;
      if (pace.allowed < 1) {
        clearTimeout(this.#timer);
        this.#timer = setTimeout(() => this.#goOn(), pace.waitMs);
        return alone;
      }
      if (alone) {
        void this.#readAlone(batch);
        return true;
      }
      pace.took(1, size);
      this.#askValue(batch);
    }
  }

  #askValue(batch: Batch): void {
    const { expireTime, time } = this.#abilities;
    if (!expireTime && time && !this.#timeAsked) {
      this.#output.begin(1);
      this.#output.argText('TIME');
      this.#asked.push(TIME);
      this.#timeAsked = true;
    }
    const index = batch.wanted;
    this.#begin(batch);
    this.#askKey(EXPIRY, expireTime ? 'PEXPIRETIME' : 'PTTL', batch, index);
    this.#askKey(VALUE, 'DUMP', batch, index);
  }

  #askKey(kind: number, command: string, batch: Batch, index: number): void {
    this.#output.begin(2);
    this.#output.argText(command);
    this.#output.arg(batch.arena, batch.start(index), batch.end(index));
    this.#asked.push(kind);
  }

  #waitForRoom(): void {
    if (this.#awaitsRoom) return;
    this.#awaitsRoom = true;
    this.#options.records.room().then(
      () => {
        this.#awaitsRoom = false;
        this.#goOn();
      },
      (error: NaruError) => this.#listener.onFailure(error),
    );
  }

  /** Takes the answer at `at`; returns the place behind it, or -1 if it is not whole. */
  #take(kind: number, at: number): number {
    const input = this.#in;
    const lf = input.line(at);
    if (lf < 0) return -1;
    if (input.buf[at] === DASH) {
      this.#refused(kind, input.text(at, lf));
      return lf + 1;
    }
    if (kind === VALUE) return this.#value(at, lf);
    if (kind === SCAN) return this.#scanned(at);
    if (kind === TIME) return this.#dumped.clock(at);
    const number = input.buf[at] === COLON ? input.number(at, lf) : 0;
    if (kind === EXPIRY) this.#dumped.expiry(number, this.#abilities);
    else if (kind === SIZE) this.#sizer.size(number);
    else if (kind === LENGTH) this.#sizer.length(number);
    else this.#sizer.type(input.text(at, lf));
    return lf + 1;
  }

  #value(at: number, lf: number): number {
    const input = this.#in;
    if (input.buf[at] !== DOLLAR) throw input.bad(at);
    const length = input.number(at, lf);
    const batch = this.queue.current;
    if (length < 0) {
      this.#gone(batch);
      return lf + 1;
    }
    const behind = this.#dumped.write(lf + 1, length, batch);
    if (behind >= 0) this.#got(batch);
    return behind;
  }

  /** What it really was has been counted by now. */
  #got(batch: Batch): void {
    const size = batch.sizes[batch.done++] as number;
    this.#options.pace.took(0, -size);
    this.#window.ended(size);
  }

  #gone(batch: Batch): void {
    this.vanished++;
    this.#dumped.gone(batch);
    this.#got(batch);
  }

  #finishBatches(): void {
    for (let batch = this.queue.shiftDone(); batch !== undefined; batch = this.queue.shiftDone()) {
      this.#listener.onBatch(batch);
      this.queue.reuse(batch);
    }
    this.progress.wake();
  }

  #scanned(at: number): number {
    const batch = this.queue.spare();
    const end = this.steps.take(this.#in, at, batch);
    if (end < 0) this.queue.reuse(batch);
    else {
      this.#options.sift?.(batch);
      this.queue.all.push(batch);
    }
    return end;
  }

  #refused(kind: number, text: string): void {
    const { node } = this.#connection as Connection;
    const passing = refusedQuestion(text, node);
    if (passing !== undefined) this.#connection?.destroy(passing);
    else if (kind === TYPE) this.#sizer.type('');
    else if (kind === SIZE || kind === LENGTH) this.#sizer.unknown(kind);
    else if (kind === TIME) this.#dumped.noClock();
    else if (kind === SCAN) this.#fail(refusedKey(text, node, 'SCAN'));
    else if (isElsewhere(text)) {
      if (kind === VALUE) this.#elsewhere(this.queue.current);
    } else {
      const { current } = this.queue;
      this.#fail(refusedKey(text, node, kind === VALUE ? 'DUMP' : 'PTTL', current.key(current.done)));
    }
  }

  #fail(error: NaruError): void {
    this.detach();
    this.#listener.onFailure(error);
  }

  async #readAlone(batch: Batch): Promise<void> {
    const connection = this.#connection as Connection;
    const { pace, records } = this.#options;
    this.#busy = true;
    try {
      if (batch.again) records.again();
      await readAlone(connection, this.#abilities, this.#options, batch, pace.allowed, (isThere) => {
        if (this.#connection === connection) this.#gotAlone(batch, isThere);
      });
      if (this.#connection !== connection) return;
      connection.setReader(this);
      this.#busy = false;
      records.flush();
      this.#finishBatches();
      this.#goOn();
    } catch (error) {
      records.dropParts();
      // With the connection lost it is read again.
      if (this.#connection === connection && connection.isOpen) this.#fail(error as NaruError);
    }
  }

  #gotAlone(batch: Batch, isThere: boolean): void {
    this.#options.pace.took(1, this.#begin(batch));
    if (!isThere) this.#gone(batch);
    else if (this.#options.values?.elsewhere) this.#elsewhere(batch);
    else this.#got(batch);
  }

  #elsewhere(batch: Batch): void {
    batch.strays.push(batch.key(batch.done));
    this.#got(batch);
  }

  #begin(batch: Batch): number {
    const size = batch.sizes[batch.wanted++] as number;
    this.#window.began(size);
    return size;
  }
}
