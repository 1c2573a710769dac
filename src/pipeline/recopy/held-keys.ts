/** A key in a database. */
export interface KeyPlace {
  readonly db: number;
  readonly key: Buffer;
}

/** What stood at a key at one position of the source. */
export interface KeyValue {
  /** as DUMP gives it; undefined: there was no such key */
  readonly payload: Buffer | undefined;
  /** ms since 1970; -1: it does not expire */
  readonly expireAtMs: number;
}

/** A key whose value in the target is not what the stream would make of it. */
export interface HeldKey extends KeyPlace {
  value: KeyValue | undefined;
  /** spool offset of the command that it is held for: before that the target is right */
  since: number;
  /** when that began, ms since 1970 */
  sinceMs: number;
  /** spool offset up to which the value holds all of the stream; Infinity: it is not read yet */
  until: number;
}

interface Written {
  readonly held: HeldKey;
  readonly doneBehind: number;
}

const UNREAD = Number.POSITIVE_INFINITY;

/**
 * The keys that are held: from the command that could not be applied until the stream reaches the position at which their value was read, no
 * command is applied to them, since the value has its effect already.
 *
 * What was written stays known until the target has acknowledged it: a target that is lost goes back to before that.
 */
export class HeldKeys {
  readonly #held = new Map<string, HeldKey>();
  /** What was written, and the offset behind which the target has to acknowledge that. */
  #written: Written[] = [];
  /** What the target has acknowledged, as long as it may come back without it. */
  #past: { place: KeyPlace; since: number; doneBehind: number }[] = [];
  #unread = 0;
  #bytes = 0;
  /** the smallest `until` of those that are read; Infinity: none is */
  #due = UNREAD;
  #last = 0;

  get size(): number {
    return this.#held.size;
  }

  /** Keys without a value. */
  get unread(): number {
    return this.#unread;
  }

  /** Bytes of the values that wait for the stream, or for the target's acknowledgement. */
  get bytes(): number {
    return this.#bytes;
  }

  /** The first spool offset at which something is to be written. */
  get due(): number {
    return this.#due;
  }

  /** The spool offset up to which the stream has to be applied until nothing that is read waits any more. */
  get last(): number {
    return this.#last;
  }

  /** The spool offset before which the target has all values for good; Infinity: it has them all. */
  get since(): number {
    let since = UNREAD;
    for (const held of this.#held.values()) since = Math.min(since, held.since);
    for (const { held } of this.#written) since = Math.min(since, held.since);
    return since;
  }

  /** Since when the target lacks a value, ms since 1970; Infinity: it has them all. */
  get sinceMs(): number {
    let sinceMs = UNREAD;
    for (const held of this.#held.values()) sinceMs = Math.min(sinceMs, held.sinceMs);
    for (const { held } of this.#written) sinceMs = Math.min(sinceMs, held.sinceMs);
    return sinceMs;
  }

  has(db: number, key: Buffer): boolean {
    return this.#held.has(nameOf(db, key));
  }

  /** Holds a key; the buffer is copied. One that is held has a value already, or will have, that is newer than the stream's present place. */
  hold(db: number, key: Buffer, since: number): void {
    const name = nameOf(db, key);
    const known = this.#held.get(name);
    if (known !== undefined) {
      known.since = Math.min(known.since, since);
      return;
    }
    const sinceMs = Date.now();
    this.#held.set(name, { db, key: Buffer.from(key), value: undefined, since, sinceMs, until: UNREAD });
    this.#unread++;
  }

  /** What is held in one of two databases is held in the other too. */
  mirror(a: number, b: number): void {
    for (const { db, key, since } of [...this.#held.values()]) {
      if (db === a) this.hold(b, key, since);
      else if (db === b) this.hold(a, key, since);
    }
  }

  /** Up to `count` keys without a value, of those that may be written; `groupOf` gives the same for all of them. */
  toRead(
    count: number,
    mayWrite: (place: KeyPlace) => boolean = () => true,
    groupOf?: (key: Buffer) => number,
  ): HeldKey[] {
    const keys: HeldKey[] = [];
    let group: number | undefined;
    for (const held of this.#held.values()) {
      if (held.value !== undefined || !mayWrite(held)) continue;
      const own = groupOf?.(held.key);
      if (keys.length > 0 && own !== group) continue;
      group = own;
      keys.push(held);
      if (keys.length === count) break;
    }
    return keys;
  }

  /** Lets go of a key that has no value: it is somebody else's. */
  drop({ db, key, value }: HeldKey): void {
    if (value === undefined && this.#held.delete(nameOf(db, key))) this.#unread--;
  }

  /** What a key held when all of the stream before `until` was done. */
  read(held: HeldKey, value: KeyValue, until: number): void {
    if (held.value !== undefined) return;
    held.value = value;
    held.until = until;
    this.#unread--;
    this.#bytes += bytesOf(value);
    this.#due = Math.min(this.#due, until);
    this.#last = Math.max(this.#last, until);
  }

  /** Values that hold more of the stream than what is before `offset` do not count any more. */
  forgetBehind(offset: number): void {
    this.#due = UNREAD;
    this.#last = 0;
    for (const held of this.#held.values()) {
      if (held.value === undefined) continue;
      if (held.until <= offset) {
        this.#due = Math.min(this.#due, held.until);
        this.#last = Math.max(this.#last, held.until);
        continue;
      }
      this.#bytes -= bytesOf(held.value);
      held.value = undefined;
      held.until = UNREAD;
      this.#unread++;
    }
  }

  /**
   * Takes out what is to be written now that everything before `offset` is applied. `again`: the target may have acknowledged `offset` before, so
   * that only what it acknowledges behind it holds what is written now.
   */
  release(offset: number, again: boolean, write: (held: HeldKey, value: KeyValue) => void): void {
    if (offset < this.#due) return;
    const due: HeldKey[] = [];
    let next = UNREAD;
    for (const [name, held] of this.#held) {
      if (held.until > offset) {
        if (held.until < next) next = held.until;
        continue;
      }
      this.#held.delete(name);
      due.push(held);
    }
    this.#due = next;
    due.sort((a, b) => a.until - b.until);
    const doneBehind = again ? offset : offset - 1;
    for (const held of due) {
      write(held, held.value as KeyValue);
      this.#written.push({ held, doneBehind });
    }
  }

  /**
   * Everything before `offset` is in the target; `all`: and whatever else was written, at `offset` itself too. It will not come back with less
   * than what is before `forGood`.
   */
  acked(offset: number, all: boolean, forGood: number): void {
    if (this.#past.length > 0) this.#past = this.#past.filter(({ doneBehind }) => doneBehind >= forGood);
    if (this.#written.length === 0) return;
    this.#written = this.#written.filter(({ held, doneBehind }) => {
      if (doneBehind >= offset && !all) return true;
      this.#bytes -= bytesOf(held.value);
      const { db, key, since } = held;
      if (doneBehind >= forGood) this.#past.push({ place: { db, key }, since, doneBehind });
      return false;
    });
  }

  /** The target has everything before `offset`, and the stream goes on there: what was written behind it is held again, or read anew. */
  restart(offset: number): void {
    this.#past = this.#past.filter(({ place, since, doneBehind }) => {
      if (doneBehind >= offset) this.hold(place.db, place.key, since);
      return doneBehind < offset;
    });
    const written = this.#written;
    this.#written = [];
    for (const each of written) this.#holdAgain(each, offset);
    // Commands that come again before the one that a key is held for are not applied to it either.
    for (const held of this.#held.values()) held.since = Math.min(held.since, offset);
  }

  /** Of several values of a key the newest counts: what it was held for the last time may not be met again. */
  #holdAgain({ held, doneBehind }: Written, offset: number): void {
    const name = nameOf(held.db, held.key);
    const other = this.#held.get(name);
    const counts = doneBehind >= offset && (other === undefined || other.until <= held.until);
    if (counts) {
      this.#held.set(name, held);
      this.#due = Math.min(this.#due, held.until);
    }
    const [kept, dropped] = counts ? [held, other] : [other, held];
    this.#bytes -= bytesOf(dropped?.value);
    if (kept === undefined || dropped === undefined || doneBehind < offset) return;
    kept.since = Math.min(kept.since, dropped.since);
    kept.sinceMs = Math.min(kept.sinceMs, dropped.sinceMs);
  }

  /** A target that can not go back: what it has not acknowledged is read anew. */
  readAgain(): void {
    for (const { held } of this.#written) {
      this.#bytes -= bytesOf(held.value);
      this.hold(held.db, held.key, held.since);
    }
    this.#written = [];
  }
}

function bytesOf(value: KeyValue | undefined): number {
  return value?.payload?.length ?? 0;
}

function nameOf(db: number, key: Buffer): string {
  return `${db}:${key.toString('latin1')}`;
}
