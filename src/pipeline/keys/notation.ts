/**
 * Commands as lines of text, for the built-in table.
 *
 *     line    = name [ "|" subcommand ] " " arity " " kind { " " key }
 *     kind    = ( "w" | "r" | "-" ) [ "o" ]            writes, reads only, neither; o: its keys are optional
 *     key     = access ( index | ":" keyword "@" from ) ( range | counted ) [ "/" step ]
 *     access  = "R" | "W" | "RW"
 *     range   = [ ".." last [ "%" limit ] ]            without it the one key there
 *     counted = "#" [ countAt "," firstAt ]            without numbers 0,1: the count stands first, then the keys
 *     "?"       in place of the keys: they cannot be told
 *
 * `ZUNIONSTORE -4 w W1 R2#`: argument 1 is written; argument 2 counts the keys behind it, which are read.
 */
import { type CommandSpec, type CommandTraits, commandSpec } from './command-spec.ts';
import { type KeySpec, NO_COUNT } from './key-spec.ts';

const ACCESS = ['', 'R', 'W', 'RW'];
const KEY =
  /^(RW|R|W)(?:(\d+)|:([A-Z]+)@(-?\d+))(?:\.\.(-?\d+)(?:%(\d+))?|(#)(?:(\d+),(\d+))?)?(?:\/(\d+))?$/;

/** Each line a command or a subcommand; those of one command stand next to each other. Throws on a line that is none: it is our own. */
export function readNotation(text: string): CommandSpec[] {
  const commands: CommandSpec[] = [];
  const containers = new Map<string, CommandSpec[]>();
  for (const line of text.split('\n').filter(Boolean)) {
    const spec = readLine(line);
    const [container = '', subcommand] = spec.name.split('|');
    if (subcommand === undefined) commands.push(spec);
    else containers.set(container, [...(containers.get(container) ?? []), spec]);
  }
  for (const [name, subcommands] of containers)
    commands.push(commandSpec(name, -2, NEITHER, [], subcommands));
  return commands;
}

const NEITHER: CommandTraits = { write: false, readonly: false, keysOptional: false };

function readLine(line: string): CommandSpec {
  const [name = '', arity = '', kind = '', ...keys] = line.split(' ');
  if (!/^-?\d+$/.test(arity) || !/^[wr-]o?$/.test(kind)) throw new Error(`not a command: ${line}`);
  const traits = {
    write: kind.startsWith('w'),
    readonly: kind.startsWith('r'),
    keysOptional: kind.endsWith('o'),
  };
  return commandSpec(name, Number(arity), traits, keys[0] === '?' ? undefined : keys.map(readKey));
}

function readKey(word: string): KeySpec {
  const match = KEY.exec(word);
  if (match === null) throw new Error(`not a key: ${word}`);
  const [, access = '', index, keyword, from, last, limit, counted, countAt, firstAt, step] = match;
  return {
    access: ACCESS.indexOf(access),
    keyword: keyword === undefined ? undefined : Buffer.from(keyword),
    begin: Number(index ?? from),
    countAt: counted === undefined ? NO_COUNT : Number(countAt ?? 0),
    firstAt: counted === undefined ? 0 : Number(firstAt ?? 1),
    last: Number(last ?? 0),
    limit: Number(limit ?? 0),
    step: Number(step ?? 1),
  };
}

/** A line for the command if it has no subcommands; otherwise one for each of these. */
export function writeNotation(spec: CommandSpec): string[] {
  if (spec.subcommands !== undefined) return spec.subcommands.values().flatMap(writeNotation);
  const kind = (spec.write ? 'w' : spec.readonly ? 'r' : '-') + (spec.keysOptional ? 'o' : '');
  const keys = spec.keys === undefined ? ['?'] : spec.keys.map(writeKey);
  return [[spec.name, spec.arity, kind, ...keys].join(' ')];
}

function writeKey(key: KeySpec): string {
  const begin = key.keyword === undefined ? key.begin : `:${key.keyword}@${key.begin}`;
  const step = key.step === 1 ? '' : `/${key.step}`;
  const keys = key.countAt === NO_COUNT ? range(key) : counted(key);
  return `${ACCESS[key.access]}${begin}${keys}${step}`;
}

function range({ last, limit }: KeySpec): string {
  if (last === 0) return '';
  return `..${last}${limit === 0 ? '' : `%${limit}`}`;
}

function counted({ countAt, firstAt }: KeySpec): string {
  return countAt === 0 && firstAt === 1 ? '#' : `#${countAt},${firstAt}`;
}
