/** Rules where nothing is applied: what is shown is what would be given to a target. */
import type { AofSink } from '../../protocol/aof/aof-walker.ts';
import type { EntryView, RdbSink } from '../../protocol/rdb/sink.ts';
import type { ValueSink } from '../../protocol/rdb/value-sink.ts';
import type { BigCommand } from '../../protocol/resp/big-frame.ts';
import type { CommandView, StreamSink } from '../../protocol/resp/command-walker.ts';
import type { Rules } from '../../rules/rules.ts';
import { Action, actionOf } from '../command-table.ts';
import { KeyFinder } from '../keys/key-finder.ts';
import { KeyTable } from '../keys/key-table.ts';
import { CommandBuilder } from './command-builder.ts';
import { asRenamed, CommandRenamer } from './renaming.ts';
import { RuledSnapshot } from './ruled-snapshot.ts';
import { RuledStream, type StreamStage } from './ruled-stream.ts';

/** A command of which some keys are left out, and that is no command for each of its keys, comes whole. */
export function ruledSink(sink: AofSink, rules: Rules): AofSink {
  const finder = new KeyFinder(KeyTable.builtIn());
  const stage = new ShownStream(sink.stream, rules, finder);
  const options = { rules, finder, copier: undefined, showsCut: true };
  return {
    rdb: new RuledSnapshot(renamedEntries(sink.rdb, rules), rules),
    stream: new RuledStream(stage, options),
    timestamp: (seconds, offset) => sink.timestamp(seconds, offset),
  };
}

/** The sink's own methods, but for entries and their database. */
function renamedEntries(sink: RdbSink, rules: Rules): RdbSink {
  return {
    header: (version, flavour) => sink.header(version, flavour),
    aux: (name, value) => sink.aux(name, value),
    selectDb: (db) => sink.selectDb(rules.mapDb(db)),
    resizeDb: (keys, expires) => sink.resizeDb(keys, expires),
    slotInfo: (slot, keys, expires) => sink.slotInfo(slot, keys, expires),
    functionLibrary: (buf, start, end, offset) => sink.functionLibrary(buf, start, end, offset),
    moduleAux: (module) => sink.moduleAux(module),
    keyMeta: (metadataClass) => sink.keyMeta(metadataClass),
    entry: (entry: EntryView) => asRenamed(entry, rules, () => sink.entry(entry)),
    bigEntry: (entry: EntryView): ValueSink => asRenamed(entry, rules, () => sink.bigEntry(entry)),
    finish: (version) => sink.finish(version),
  };
}

class ShownStream implements StreamStage {
  readonly flushedAt = undefined;
  readonly #sink: StreamSink;
  readonly #rules: Rules;
  readonly #renamer: CommandRenamer;
  readonly #builder = new CommandBuilder();
  db = 0;
  inTransaction = false;

  constructor(sink: StreamSink, rules: Rules, finder: KeyFinder) {
    this.#sink = sink;
    this.#rules = rules;
    this.#renamer = new CommandRenamer(rules, finder);
  }

  command(command: CommandView): void {
    const { buf, argStart, argEnd } = command;
    const action = actionOf(buf, argStart[0] as number, argEnd[0] as number);
    if (action === Action.SELECT) this.#select(command);
    else this.#sink.command(this.#renamer.renamed(command, this.db));
  }

  leave(): void {}

  bigCommand(command: BigCommand): void {
    this.#sink.bigCommand(command);
  }

  bigCommandPart(buf: Buffer, start: number, end: number): void {
    this.#sink.bigCommandPart(buf, start, end);
  }

  bigCommandEnd(command: BigCommand): void {
    this.#sink.bigCommandEnd(command);
  }

  #select(command: CommandView): void {
    this.db = Number(command.text(1));
    this.#builder.begin(2);
    this.#builder.copy(command, 0, 1);
    this.#builder.text(String(this.#rules.mapDb(this.db)));
    this.#sink.command(this.#builder.end(command.offset, command.endOffset));
  }
}
