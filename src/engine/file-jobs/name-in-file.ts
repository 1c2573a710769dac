import { printable } from '../../errors/printable.ts';
import { type Named, nameCommand } from '../../pipeline/naming.ts';
import { ignoredValue } from '../../protocol/rdb/ignored-value.ts';
import type { EntryView } from '../../protocol/rdb/sink.ts';
import type { ValueSink } from '../../protocol/rdb/value-sink.ts';
import type { BigCommand } from '../../protocol/resp/big-frame.ts';
import type { CommandView } from '../../protocol/resp/command-walker.ts';
import { decodeFile } from '../../source/file/decode-file.ts';
import { openFileSource } from '../../source/file/file-source.ts';
import { DecodedSink } from '../../target/file/decoded-sink.ts';

/** What stands at an offset of a file, for an error's words: the file is read again up to there. */
export async function nameInFile(path: string, offset: number): Promise<Named> {
  const finder = new Finder(offset);
  try {
    const sizes = { bigEntryBytes: 16 * 1024 * 1024, bigCommandBytes: 64 * 1024 * 1024 };
    await decodeFile(await openFileSource(path), { sink: finder, ...sizes });
  } catch {
    // Found, or not to be read a second time: it is only for words.
  }
  return finder.named;
}

class Finder extends DecodedSink {
  named: Named = {};
  readonly #offset: number;

  constructor(offset: number) {
    super();
    this.#offset = offset;
  }

  override entry(entry: EntryView): void {
    if (entry.offset !== this.#offset) return;
    const key = entry.keyBuf.subarray(entry.keyStart, entry.keyEnd);
    this.#found({ key: printable(key), db: entry.db });
  }

  protected value(entry: EntryView): ValueSink {
    this.entry(entry);
    return ignoredValue;
  }

  protected library(): void {}

  command(command: CommandView): void {
    if (command.offset === this.#offset)
      this.#found(nameCommand(command.buf.subarray(command.frameStart, command.frameEnd)));
  }

  bigCommand(_command: BigCommand): void {}
  bigCommandPart(): void {}
  bigCommandEnd(): void {}

  #found(named: Named): never {
    this.named = named;
    throw new Error('found');
  }
}
