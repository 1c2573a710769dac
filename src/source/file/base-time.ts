import { NaruError } from '../../errors/errors.ts';
import type { EntryView, Flavour, RdbSink } from '../../protocol/rdb/sink.ts';
import type { ValueSink } from '../../protocol/rdb/value-sink.ts';

/** The files hold nothing as old as the time that was asked for. */
export function untilTooEarly(path: string, until: number, begins: number): NaruError {
  const [asked, begin] = [until, begins].map((seconds) => new Date(seconds * 1000).toISOString());
  const text = `${path} begins at ${begin}, and the state at ${asked} was asked for`;
  return new NaruError('UNTIL_TOO_EARLY', text, { side: 'source', node: path });
}

/**
 * Passes an RDB on and looks at the time it was made (aux field `ctime`, seconds since 1970): one from after `until` can't lead to the state at
 * that time. The field stands before the first entry.
 */
export class BaseTime implements RdbSink {
  readonly #sink: RdbSink;
  readonly #path: string;
  readonly #until: number;

  constructor(sink: RdbSink, path: string, until: number) {
    this.#sink = sink;
    this.#path = path;
    this.#until = until;
  }

  aux(name: string, value: Buffer): void {
    const made = name === 'ctime' ? Number(value.toString('latin1')) : 0;
    if (made > this.#until) throw untilTooEarly(this.#path, this.#until, made);
    this.#sink.aux(name, value);
  }

  header(version: number, flavour: Flavour): void {
    this.#sink.header(version, flavour);
  }

  selectDb(db: number): void {
    this.#sink.selectDb(db);
  }

  resizeDb(keys: number, expires: number): void {
    this.#sink.resizeDb(keys, expires);
  }

  slotInfo(slot: number, keys: number, expires: number): void {
    this.#sink.slotInfo(slot, keys, expires);
  }

  functionLibrary(buf: Buffer, start: number, end: number, offset: number): void {
    this.#sink.functionLibrary(buf, start, end, offset);
  }

  moduleAux(module: string): void {
    this.#sink.moduleAux(module);
  }

  keyMeta(metadataClass: string): void {
    this.#sink.keyMeta(metadataClass);
  }

  entry(entry: EntryView): void {
    this.#sink.entry(entry);
  }

  bigEntry(entry: EntryView): ValueSink {
    return this.#sink.bigEntry(entry);
  }

  finish(version: number): void {
    this.#sink.finish(version);
  }
}
