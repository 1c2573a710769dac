import type { CommandView } from '../../protocol/resp/command-walker.ts';
import type { Reply } from '../../protocol/resp/reply.ts';
import { BUILT_IN } from './built-in.ts';
import { readCommand } from './command-reply.ts';
import { type CommandSpec, fits } from './command-spec.ts';
import { NameIndex } from './name-index.ts';
import { readNotation } from './notation.ts';

let builtIn: KeyTable | undefined;

/**
 * The commands of one server. It is made from the server's own table, since modules, newer versions and renamed commands are in no table of
 * ours.
 */
export class KeyTable {
  readonly #commands: NameIndex<CommandSpec>;

  private constructor(commands: readonly CommandSpec[]) {
    this.#commands = new NameIndex();
    for (const spec of commands) this.#commands.add(spec.name, spec);
  }

  /**
   * From a reply to COMMAND. What of it cannot be read is left out; of a reply that is no table nothing remains (`size`). Where a server
   * tells no key specs (before 7.0) those of its commands that are Redis's own come from the built-in table.
   */
  static from(reply: Reply): KeyTable {
    const known = (name: string): CommandSpec | undefined => KeyTable.builtIn().#leaf(name);
    const items = Array.isArray(reply) ? reply : [];
    return new KeyTable(items.flatMap((item) => readCommand(item, known) ?? []));
  }

  /**
   * The newest servers' commands that write or have keys: for a server whose COMMAND is refused. What `accepts` says of it holds for those
   * servers only.
   */
  static builtIn(): KeyTable {
    builtIn ??= new KeyTable(readNotation(BUILT_IN));
    return builtIn;
  }

  /** Count of commands, without subcommands. */
  get size(): number {
    return this.#commands.size;
  }

  /** All commands; subcommands are in those that they belong to. */
  commands(): readonly CommandSpec[] {
    return this.#commands.values();
  }

  /** By name and, where the command has subcommands, by the second argument; undefined: this is no command of the server. */
  lookup(command: CommandView): CommandSpec | undefined {
    const { buf, argStart, argEnd } = command;
    const spec = this.#commands.get(buf, argStart[0] as number, argEnd[0] as number);
    if (spec === undefined || spec.subcommands === undefined || command.argc < 2) return spec;
    return spec.subcommands.get(buf, argStart[1] as number, argEnd[1] as number);
  }

  /**
   * Whether the server knows the name and takes this count of arguments. It may refuse the command all the same: for an option that is
   * newer than it, and before 7.0 for a subcommand, of which such servers do not tell.
   */
  accepts(command: CommandView): boolean {
    const spec = this.lookup(command);
    return spec !== undefined && fits(spec, command.argc);
  }

  /** Of its commands those with these names. */
  only(names: readonly string[]): KeyTable {
    return new KeyTable(this.commands().filter(({ name }) => names.includes(name)));
  }

  /** Whether there is a command of this name, in capitals. */
  has(name: string): boolean {
    const bytes = Buffer.from(name, 'latin1');
    return this.#commands.get(bytes, 0, bytes.length) !== undefined;
  }

  /** Whether it takes each write command that `other` takes, as far as names and counts of arguments go. */
  covers(other: KeyTable): boolean {
    return other.commands().every((spec) => !spec.write || coversSpec(this.#commands, spec));
  }

  /** A command without subcommands. */
  #leaf(name: string): CommandSpec | undefined {
    const bytes = Buffer.from(name, 'latin1');
    const spec = this.#commands.get(bytes, 0, bytes.length);
    return spec?.subcommands === undefined ? spec : undefined;
  }
}

function coversSpec(commands: NameIndex<CommandSpec>, spec: CommandSpec): boolean {
  const name = Buffer.from(spec.name.slice(spec.name.indexOf('|') + 1), 'latin1');
  const own = commands.get(name, 0, name.length);
  if (own === undefined || !takesCounts(own.arity, spec.arity)) return false;
  const { subcommands } = own;
  // A server that does not tell of its subcommands may know them: what it does not know, it refuses.
  if (spec.subcommands === undefined || subcommands === undefined) return true;
  return spec.subcommands.values().every((each) => coversSpec(subcommands, each));
}

/** Whether each count of arguments that fits `other` fits `arity`. */
function takesCounts(arity: number, other: number): boolean {
  return arity < 0 ? Math.abs(other) >= -arity : other === arity;
}
