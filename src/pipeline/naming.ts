import { printable } from '../errors/printable.ts';
import type { EntryView, RdbSink } from '../protocol/rdb/sink.ts';
import { RdbWalker } from '../protocol/rdb/walker.ts';
import type { BigCommand } from '../protocol/resp/big-frame.ts';
import { type CommandView, CommandWalker } from '../protocol/resp/command-walker.ts';
import { KeyFinder, NOT_FOUND } from './keys/key-finder.ts';
import { KeyTable } from './keys/key-table.ts';
import { viewOfBig } from './recopy/view-of-big.ts';

/** What stands at a place in the data, for an error's words: a key, perhaps a command, its database. Never a value. */
export interface Named {
  key?: string;
  command?: string;
  db?: number;
}

/** The command that begins at the start of `view`, and the first of its keys, by the newest servers' table. */
export function nameCommand(view: Buffer): Named {
  let named: Named = {};
  const name = (command: CommandView): void => {
    if (named.command !== undefined) return;
    const at = firstKey(command);
    const key = at === undefined ? {} : { key: printable(command.arg(at)) };
    named = { command: printable(command.arg(0)), ...key };
  };
  const walker = new CommandWalker(
    {
      command: name,
      bigCommand: (big: BigCommand) => name(viewOfBig(big)),
      bigCommandPart: () => {},
      bigCommandEnd: () => {},
    },
    { bigCommandBytes: 32 * 1024 },
  );
  return quietly(
    () => walker.write(view, 0, view.length),
    () => named,
  );
}

/** Of a command that is in no table: the first argument. */
function firstKey(command: CommandView): number | undefined {
  finder ??= new KeyFinder(KeyTable.builtIn());
  const count = finder.find(command);
  if (count > 0) return finder.positions[0] as number;
  return count === NOT_FOUND && command.argc > 1 ? 1 : undefined;
}

let finder: KeyFinder | undefined;

/** The entry whose first opcode is at the start of `view`, of an RDB with this header (`REDIS0011`). */
export function nameEntry(view: Buffer, header: string): Named {
  let named: Named | undefined;
  const name = (entry: EntryView): void => {
    named ??= { key: printable(entry.keyBuf.subarray(entry.keyStart, entry.keyEnd)) };
  };
  const nothing = (): void => {};
  const found = new Error('found');
  const sink: RdbSink = {
    header: nothing,
    aux: nothing,
    selectDb: nothing,
    resizeDb: nothing,
    slotInfo: nothing,
    functionLibrary: nothing,
    moduleAux: nothing,
    keyMeta: nothing,
    entry: name,
    bigEntry: (entry) => {
      name(entry);
      throw found;
    },
    finish: nothing,
  };
  const walker = new RdbWalker(sink, { bigEntryBytes: 32 * 1024, verifyChecksum: false });
  const magic = Buffer.from(header);
  return quietly(
    () => {
      walker.write(magic, 0, magic.length);
      walker.write(view, 0, view.length);
    },
    () => named ?? {},
  );
}

/** The slice may end anywhere, and what follows the first item is of no interest: an error there is none. */
function quietly(walk: () => void, result: () => Named): Named {
  try {
    walk();
  } catch {
    return result();
  }
  return result();
}
