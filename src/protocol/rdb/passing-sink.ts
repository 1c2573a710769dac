import type { EntryView, Flavour, RdbSink } from './sink.ts';
import type { ValueSink } from './value-sink.ts';

/** Passes everything on: who stands in front of another sink overrides what it is there for. */
export class PassingSink implements RdbSink {
  protected readonly sink: RdbSink;

  constructor(sink: RdbSink) {
    this.sink = sink;
  }

  header(version: number, flavour: Flavour): void {
    this.sink.header(version, flavour);
  }

  aux(name: string, value: Buffer): void {
    this.sink.aux(name, value);
  }

  selectDb(db: number): void {
    this.sink.selectDb(db);
  }

  resizeDb(keys: number, expires: number): void {
    this.sink.resizeDb(keys, expires);
  }

  slotInfo(slot: number, keys: number, expires: number): void {
    this.sink.slotInfo(slot, keys, expires);
  }

  functionLibrary(buf: Buffer, start: number, end: number, offset: number): void {
    this.sink.functionLibrary(buf, start, end, offset);
  }

  moduleAux(module: string): void {
    this.sink.moduleAux(module);
  }

  keyMeta(metadataClass: string): void {
    this.sink.keyMeta(metadataClass);
  }

  entry(entry: EntryView): void {
    this.sink.entry(entry);
  }

  bigEntry(entry: EntryView): ValueSink {
    return this.sink.bigEntry(entry);
  }

  finish(version: number): void {
    this.sink.finish(version);
  }
}
