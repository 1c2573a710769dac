/** What is known of one command of a server: its count of arguments, whether it writes, and where its keys stand. */
import { type KeySpec, READ, WRITE } from './key-spec.ts';
import { NameIndex } from './name-index.ts';

/** What key specs cannot say: which option words have arguments of their own, and what an option does to the key (see key-finder.ts). */
export const Options = {
  NONE: 0,
  SORT: 1,
  MIGRATE: 2,
  SET: 3,
  DELEX: 4,
  BITFIELD: 5,
} as const;

export type Options = (typeof Options)[keyof typeof Options];

const OPTIONS: Readonly<Record<string, Options>> = {
  SORT: Options.SORT,
  SORT_RO: Options.SORT,
  MIGRATE: Options.MIGRATE,
  SET: Options.SET,
  DELEX: Options.DELEX,
  BITFIELD: Options.BITFIELD,
};

export interface CommandSpec {
  /** in capitals; that of a subcommand with its command's: `XGROUP|CREATE` */
  readonly name: string;
  /** count of arguments, the name or names included: exactly, or if negative at least */
  readonly arity: number;
  readonly write: boolean;
  readonly readonly: boolean;
  /** a call without any key is right (`EVAL script 0`) */
  readonly keysOptional: boolean;
  /** undefined: the specs do not tell all keys */
  readonly keys: readonly KeySpec[] | undefined;
  readonly options: Options;
  /** by their own names (`CREATE`), where the server told of any; the command itself has no keys then */
  readonly subcommands: NameIndex<CommandSpec> | undefined;
}

export interface CommandTraits {
  readonly write: boolean;
  readonly readonly: boolean;
  readonly keysOptional: boolean;
}

export function commandSpec(
  fullName: string,
  arity: number,
  traits: CommandTraits,
  keys: readonly KeySpec[] | undefined,
  subcommands: readonly CommandSpec[] = [],
): CommandSpec {
  const name = fullName.toUpperCase();
  const options = OPTIONS[name] ?? Options.NONE;
  return {
    name,
    arity,
    write: traits.write,
    readonly: traits.readonly,
    keysOptional: traits.keysOptional,
    keys: traits.write && keys !== undefined ? withSomeWritten(keys) : keys,
    options,
    subcommands: subcommands.length === 0 ? undefined : indexOf(subcommands),
  };
}

/** Whether a command of `argc` arguments, its name included, has as many as it needs. */
export function fits({ arity }: CommandSpec, argc: number): boolean {
  return arity >= 0 ? argc === arity : argc >= -arity;
}

/** XREADGROUP calls its keys read only, but it changes the group that is part of the stream: a write command writes something. */
function withSomeWritten(keys: readonly KeySpec[]): readonly KeySpec[] {
  if (keys.some((key) => (key.access & WRITE) !== 0)) return keys;
  return keys.map((key) => ({ ...key, access: READ | WRITE }));
}

function indexOf(subcommands: readonly CommandSpec[]): NameIndex<CommandSpec> {
  const index = new NameIndex<CommandSpec>();
  for (const spec of subcommands) index.add(spec.name.slice(spec.name.indexOf('|') + 1), spec);
  return index;
}
