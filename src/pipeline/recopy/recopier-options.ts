import type { CommandView } from '../../protocol/resp/command-walker.ts';
import type { ExpiryWatch } from '../expiry/expiry-watch.ts';
import type { KeyFinder } from '../keys/key-finder.ts';
import type { KeyTable } from '../keys/key-table.ts';
import type { KeyPlace, KeyValue } from './held-keys.ts';
import type { NewerForms } from './newer-forms.ts';

/** What a source holds at several keys, at one position. */
export interface PositionedValues {
  /** of the first keys that were asked for, at least one; undefined: the source has it no more, and another one does */
  readonly values: readonly (KeyValue | undefined)[];
  /** spool offset: the values hold all of the stream before it, and nothing behind it */
  readonly until: number;
}

/** Asks the source. */
export interface PositionedReader {
  /** The keys' values and the position at which they were true, later than all that was received. Rejects with NaruError. */
  read(keys: readonly KeyPlace[]): Promise<PositionedValues>;
  /** The keys of a command, where no table tells them. Rejects with NaruError. */
  keysOf(args: readonly Buffer[]): Promise<Buffer[]>;
}

export interface RecopierOptions {
  readonly source: KeyTable;
  /** of the source's commands */
  readonly keys: KeyFinder;
  /** Whether a command with these keys can be given to the target as it stands; absent: each can. */
  readonly takes?: ((command: CommandView, found: KeyFinder, count: number) => boolean) | undefined;
  /** Commands that pass by are copied, whatever they are. */
  readonly copiesBig?: boolean;
  /** Whether a key can be written now; absent: each can. */
  readonly mayWrite?: ((place: KeyPlace) => boolean) | undefined;
  /** The command under the names that its keys have in the target; absent: they are the source's. Valid until the next one. */
  readonly named?: ((command: CommandView, db: number) => CommandView) | undefined;
  /** what the target knows */
  readonly target: KeyTable;
  /** what it does not know of the commands that it knows */
  readonly newer: NewerForms;
  readonly reader: PositionedReader;
  /** tells which keys the target expires too early; undefined: it is not looked for */
  readonly expiries?: ExpiryWatch | undefined;
  /** Keys may be asked for in one question only where this gives the same for them (the slot, in a cluster); absent: all may. */
  groupOf?(key: Buffer): number;
  /** Another source of the same run has this key: it will see to it. */
  onElsewhere?(key: Buffer): void;
  /** A command that has no keys and that the target does not know; throws NaruError where that ends the run. */
  keyless(command: CommandView, db: number): void;
}
