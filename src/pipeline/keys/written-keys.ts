import type { CommandView } from '../../protocol/resp/command-walker.ts';
import type { CommandSpec } from './command-spec.ts';
import { KeyFinder, NOT_FOUND } from './key-finder.ts';
import { WRITE } from './key-spec.ts';
import type { KeyTable } from './key-table.ts';
import { NameIndex } from './name-index.ts';

/** Commands without keys that no table of ours holds, and that write none: on a server whose COMMAND is refused any of these may be met. */
const WITHOUT_KEYS =
  'SCAN ISCAN KEYS RANDOMKEY DBSIZE INFO IINFO RIINFO TIME ECHO PING HELLO AUTH QUIT RESET CLIENT COMMAND CONFIG SELECT SCRIPT PUBLISH SPUBLISH PUBSUB ' +
  'SUBSCRIBE PSUBSCRIBE SSUBSCRIBE UNSUBSCRIBE PUNSUBSCRIBE SUNSUBSCRIBE MULTI EXEC DISCARD UNWATCH WAIT WAITAOF ROLE CLUSTER READONLY READWRITE ' +
  'ASKING MONITOR IMONITOR RIMONITOR SLOWLOG LATENCY LOLWUT MODULE ACL LASTSAVE FUNCTION';

/**
 * Of commands that were run, such as MONITOR shows: the keys that they may have changed. Scripts name keys that they may write, and PFCOUNT writes what it
 * has counted into its key (hyperloglog.c).
 */
export class WrittenKeys {
  readonly #table: KeyTable;
  readonly #finder: KeyFinder;
  readonly #wanted: NameIndex<boolean> = new NameIndex();
  readonly #withoutKeys: NameIndex<boolean> = new NameIndex();
  /** argument indexes of the keys that `find` found last; taken anew after each `find` */
  positions: Uint32Array = new Uint32Array(64);
  /** of the command last found: its keys may be in other databases than its own */
  anyDatabase = false;

  constructor(table: KeyTable) {
    this.#table = table;
    this.#finder = new KeyFinder(table);
    for (const spec of table.commands()) this.#wanted.add(spec.name, mayWrite(spec));
    for (const name of WITHOUT_KEYS.split(' ')) {
      this.#wanted.add(name, false);
      this.#withoutKeys.add(name, true);
    }
  }

  /** Whether a command of this name may change keys; true for one that is not known. */
  wants(buf: Buffer, start: number, end: number): boolean {
    return this.#wanted.get(buf, start, end) ?? true;
  }

  /** The count of keys; NOT_FOUND where it can't be told. */
  find(command: CommandView): number {
    const found = this.#finder.find(command);
    if (found === NOT_FOUND) return this.#isWithoutKeys(command) ? 0 : NOT_FOUND;
    const { positions, access } = this.#finder;
    if (found > this.positions.length) this.positions = new Uint32Array(positions.length);
    let count = 0;
    for (let i = 0; i < found; i++) {
      if (((access[i] as number) & WRITE) !== 0) this.positions[count++] = positions[i] as number;
    }
    const name = count > 0 ? this.#table.lookup(command)?.name : undefined;
    this.anyDatabase = name === 'MOVE' || name === 'COPY';
    return count;
  }

  /** Of some a table holds nothing but a subcommand that writes (CLUSTER FLUSHSLOT): the others have no keys either. */
  #isWithoutKeys({ buf, argStart, argEnd }: CommandView): boolean {
    return this.#withoutKeys.get(buf, argStart[0] as number, argEnd[0] as number) === true;
  }

  /** Whether a command of which `find` found none changes keys all the same, without naming them: FLUSHALL, SWAPDB. */
  changesUnnamed(command: CommandView): boolean {
    const spec = this.#table.lookup(command);
    return spec?.write === true && !spec.name.startsWith('FUNCTION|') && spec.keys?.length === 0;
  }
}

function mayWrite(spec: CommandSpec): boolean {
  if (spec.subcommands !== undefined) return spec.subcommands.values().some(mayWrite);
  if (spec.write || spec.name === 'PFCOUNT') return true;
  return !spec.readonly && (spec.keys === undefined || spec.keys.some((key) => (key.access & WRITE) !== 0));
}
