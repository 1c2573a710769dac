import { NaruError } from '../errors/errors.ts';
import { emptyEntry } from '../protocol/rdb/entry-view.ts';
import type { EntryView } from '../protocol/rdb/sink.ts';
import type { BigCommand } from '../protocol/resp/big-frame.ts';
import type { CommandView, StreamSink } from '../protocol/resp/command-walker.ts';
import type { RawCommandSink, Target } from '../target/target.ts';
import { Action, actionOf, OF_KEYS } from './command-table.ts';
import { absoluteBig, Expiries } from './expiries.ts';
import { addWithoutIdempotency } from './idempotent-add.ts';
import { OlderWords } from './older-words.ts';
import type { HeldKey, KeyValue } from './recopy/held-keys.ts';
import type { Recopier } from './recopy/recopier.ts';
import { functionAgain, type SharedTarget } from './shared-target.ts';

export interface StreamApplierOptions {
  /** forward PUBLISH and SPUBLISH */
  publish: boolean;
  /** forward FUNCTION LOAD, DELETE ... */
  functions: boolean;
  /** the target holds keys of its own that must outlive a FLUSHALL of the source */
  protectTarget: boolean;
  /** Other sources fill the target too; undefined: this is the only one. */
  shared?: SharedTarget | undefined;
  /** the target's SET knows PXAT, as from Redis 6.2 on; the default */
  setTakesPxat?: boolean;
  /** copies what can not be applied; undefined: there is no source to ask */
  recopier?: Recopier | undefined;
  /** What becomes of a value that was read again; undefined: it is left as it is in the target. Absent: it is written. */
  again?: ((db: number, key: Buffer, value: KeyValue) => KeyValue | undefined) | undefined;
  /** the key of Naru's checkpoint, in database 0 */
  checkpointKey: string;
  /** when the byte at an offset arrived, ms since 1970 */
  arrivalMs(offset: number): number;
  /** the source asks how far we are: an answer is due for everything before `offset` */
  onGetAck(offset: number): void;
}

/** A command that passes by can have any key: only a target of one node takes it (see Target). */
const NO_KEY = Buffer.alloc(0);

/** Gives a source's stream of commands to a target: knows what they mean, keeps database and transaction, makes expiries absolute. */
export class StreamApplier implements StreamSink {
  readonly #target: Target;
  readonly #options: StreamApplierOptions;
  readonly #expiries: Expiries;
  /** the database that the source's stream is in */
  db = 0;
  /** the source's MULTI came, its EXEC did not */
  inTransaction = false;
  /** commands that came */
  given = 0;
  #forwardBig = false;
  #bigTaken = false;
  #big: RawCommandSink | undefined;
  /** commands that were left out because an option says so */
  leftOut = 0;
  readonly #recopier: Recopier | undefined;
  /** undefined: the target is none before 6.2 */
  readonly #older: OlderWords | undefined;
  /** what a key that is copied again is written as */
  readonly #entry: EntryView = emptyEntry();
  /** up to this offset the target has done everything already, and commands are only looked at */
  #doneTo = 0;
  /** behind the last command */
  #at = 0;
  /** where it was set to go on */
  #from = 0;
  /** behind a FLUSHALL that has to be done apart */
  #flushedAt: number | undefined;
  #flushedDb: number | undefined;
  /** what stands behind it is of the same transaction of the source */
  #flushedInside = false;

  constructor(target: Target, options: StreamApplierOptions) {
    this.#target = target;
    this.#options = options;
    this.#recopier = options.recopier;
    this.#expiries = new Expiries(target, options.arrivalMs, options.setTakesPxat ?? true);
    this.#older = options.setTakesPxat === false ? new OlderWords() : undefined;
  }

  /**
   * Goes to an offset at which the stream was in `db` and in no transaction. Up to `doneTo` the target has done everything already:
   * commands are looked at, since they may write keys that have to be copied again, and not applied.
   */
  restart(offset: number, db: number, doneTo = 0): void {
    this.#at = offset;
    this.#from = offset;
    this.db = db;
    this.inTransaction = false;
    this.#doneTo = doneTo;
    this.#flushedAt = undefined;
    this.#flushedInside = false;
  }

  /**
   * The source was flushed, and its keys are to be removed from a target that it shares; the offset behind that. What comes after it is left
   * alone until then, and has to be given again. Undefined: there is nothing to be done.
   */
  get flushedAt(): number | undefined {
    return this.#flushedAt;
  }

  /** of which database; undefined: of all */
  get flushedDb(): number | undefined {
    return this.#flushedDb;
  }

  /** The keys are removed; the stream goes on behind that. */
  goOnBehindFlush(offset: number): void {
    this.#flushedAt = undefined;
    this.#reached(offset);
    if (this.#flushedInside) this.#transaction(true);
    this.#flushedInside = false;
  }

  command(command: CommandView): void {
    if (this.#flushedAt !== undefined) return;
    this.given++;
    const action = actionOf(command.buf, command.argStart[0] as number, command.argEnd[0] as number);
    const taken =
      this.#recopier !== undefined && OF_KEYS[action] === 1 && this.#recopier.takes(command, this.db, action);
    if (OF_KEYS[action] === 0) this.#recopier?.checkKeyless(command, this.db);
    if (command.offset < this.#doneTo) this.#pass(command, action);
    else if (!taken) this.#apply(command, action);
    if (this.#flushedAt === undefined) this.#reached(command.endOffset);
  }

  /** The spool offset from which on keys may yet be found that have to be copied again; Infinity: the stream is past all that was done before. */
  get looksFrom(): number {
    return this.#at < this.#doneTo ? this.#from : Number.POSITIVE_INFINITY;
  }

  /** A command that has no effect here, or whose effect is copied. */
  leave(command: CommandView): void {
    this.#reached(command.endOffset);
  }

  /** Behind the last command that was given, and the database there. */
  get place(): { offset: number; db: number } {
    return { offset: this.#at, db: this.db };
  }

  /** Values were read: some may hold for where the stream is now. */
  settle(): void {
    this.#reached(this.#at, true);
  }

  #reached(offset: number, again = false): void {
    this.#at = offset;
    if (this.inTransaction) return;
    // Before the target may commit: a checkpoint behind a held key's position has its value in it. That of what was done before has not.
    this.#recopier?.settle(offset, again || offset <= this.#doneTo, this.#writeHeld);
    if (offset > this.#doneTo) this.#target.reached(offset, this.db);
  }

  #writeHeld = ({ db, key, until }: HeldKey, value: KeyValue): void => {
    const { again } = this.#options;
    const wanted = again === undefined ? value : again(db, key, value);
    if (wanted === undefined) return;
    const { payload, expireAtMs } = wanted;
    const entry = this.#entry;
    entry.db = db;
    entry.keyBuf = key;
    entry.keyStart = 0;
    entry.keyEnd = key.length;
    entry.expireAtMs = expireAtMs;
    entry.offset = until;
    const flavour = payload === undefined ? undefined : this.#target.replace(entry, payload);
    if (payload === undefined) this.#target.remove(key, db, until);
    this.#recopier?.copied(entry, flavour, this.#at);
  };

  /** What a command changes here, without what it does to the target. */
  #pass(command: CommandView, action: Action): void {
    if (action === Action.SELECT) this.db = Number(command.text(1));
    else if (action === Action.MULTI) this.inTransaction = true;
    else if (action === Action.EXEC) this.inTransaction = false;
    else if (action === Action.SWAPDB) this.#swapHeld(command);
    // It may not have been done at each node, and can be done twice (functionAgain); a flush was waited for.
    else if (action === Action.FUNCTION && this.#recopier?.wasUndone(command.offset)) this.#function(command);
  }

  #swapHeld(command: CommandView): void {
    this.#recopier?.swapped(Number(command.text(1)), Number(command.text(2)), command.offset);
  }

  #apply(command: CommandView, action: Action): void {
    const target = this.#target;
    switch (action) {
      case Action.SET:
        if (command.argc === 3) target.set(command, this.db);
        else if (!this.#expiries.rewrite(command, action, this.db)) target.command(command, this.db);
        return;
      case Action.SELECT:
        this.db = Number(command.text(1));
        return;
      case Action.MULTI:
        this.#transaction(true);
        return;
      case Action.EXEC:
        this.#transaction(false);
        return;
      case Action.IGNORE:
        return;
      case Action.REPLCONF:
        if (/^getack$/i.test(command.text(1))) this.#options.onGetAck(command.endOffset);
        return;
      case Action.PUBLISH:
        this.#unless(!this.#options.publish, command);
        return;
      case Action.FUNCTION:
        this.#function(command);
        return;
      case Action.FLUSH:
        this.#flush(command);
        return;
      case Action.SWAPDB:
        this.#swapDb(command);
        return;
      case Action.XADD:
        if (!addWithoutIdempotency(command, target, this.db)) target.command(command, this.db);
        return;
      case Action.FORWARD:
        target.command(command, this.db);
        return;
      case Action.DEL:
        target.command(this.#older?.removal(command) ?? command, this.db);
        return;
      default:
        if (!this.#expiries.rewrite(command, action, this.db)) target.command(command, this.db);
    }
  }

  #transaction(begins: boolean): void {
    this.inTransaction = begins;
    this.#target.hold(begins);
  }

  #function(command: CommandView): void {
    const { functions, shared } = this.#options;
    const again = functions && shared !== undefined && functionAgain(command, this.#target, this.db);
    if (!again) this.#unless(!functions, command);
  }

  #unless(leftOut: boolean, command: CommandView): void {
    if (leftOut) this.leftOut++;
    else this.#target.command(command, this.db);
  }

  #flush(command: CommandView): void {
    if (this.#options.protectTarget) {
      throw new NaruError(
        'FLUSH_REFUSED',
        'The source was flushed; the target holds keys that are not from it',
        {
          side: 'source',
          offset: command.offset,
          db: this.db,
          command: command.text(0),
        },
      );
    }
    const { shared } = this.#options;
    const { inTransaction } = this;
    if (inTransaction && shared?.compareKeys !== undefined) shared.compareKeys();
    else if (shared === undefined || (inTransaction && !shared.endsTransactions)) {
      this.#target.command(this.#older?.flush(command) ?? command, this.db);
    } else {
      this.#flushedInside = inTransaction;
      if (inTransaction) {
        this.#transaction(false);
        this.#reached(command.offset);
      }
      this.#flushedAt = command.endOffset;
      this.#flushedDb = /^flushdb$/i.test(command.text(0)) ? this.db : undefined;
    }
  }

  /** The checkpoint stays in database 0: the one that would be swapped away goes first, and the transaction's end writes it again. */
  #swapDb(command: CommandView): void {
    this.#swapHeld(command);
    const key = Buffer.from(this.#options.checkpointKey);
    const out = this.#target.beginWrite(0, key, 0, key.length);
    out.begin(2);
    out.argText('DEL');
    out.arg(key, 0, key.length);
    out.end();
    this.#target.endWrite(command.offset, false);
    this.#target.command(command, this.db);
  }

  bigCommand(command: BigCommand): void {
    if (this.#flushedAt !== undefined) {
      this.#forwardBig = false;
      return;
    }
    const name = command.kept.get(0) as Buffer;
    const action = actionOf(name, 0, name.length);
    const leftOut =
      (action === Action.PUBLISH && !this.#options.publish) ||
      (action === Action.FUNCTION && !this.#options.functions);
    this.#bigTaken = OF_KEYS[action] === 1 && this.#recopier?.takesBig(command, this.db) === true;
    this.#forwardBig = !leftOut && !this.#bigTaken && command.offset >= this.#doneTo;
    if (leftOut) this.leftOut++;
    else if (this.#forwardBig) this.#big = this.#target.beginWrite(this.db, NO_KEY, 0, 0);
  }

  bigCommandPart(buf: Buffer, start: number, end: number): void {
    if (this.#forwardBig) this.#big?.raw(buf, start, end);
  }

  bigCommandEnd(command: BigCommand): void {
    if (this.#flushedAt !== undefined) return;
    if (this.#forwardBig) {
      this.#target.endWrite(command.offset);
      const expiry = absoluteBig(command, () => this.#options.arrivalMs(command.offset));
      if (expiry !== undefined) this.#expireAt(expiry.key, expiry.atMs, command.offset);
    }
    const name = command.kept.get(0) as Buffer;
    this.#recopier?.tookBig(command, this.db, this.#bigTaken, actionOf(name, 0, name.length));
    this.#reached(command.endOffset);
  }

  #expireAt(key: Buffer, atMs: number, offset: number): void {
    const out = this.#target.beginWrite(this.db, key, 0, key.length);
    out.begin(3);
    out.argText('PEXPIREAT');
    out.arg(key, 0, key.length);
    out.argText(String(atMs));
    out.end();
    this.#target.endWrite(offset, false);
  }
}
