/**
 * One command as COMMAND tells of it. What cannot be read makes the command unknown, or its keys: whoever meets it then asks the server
 * (COMMAND GETKEYS), which is always right.
 *
 *     command = [ name, arity, [ flag ... ], firstkey, lastkey, step ]                                   from 2.8.13 on
 *     command = [ name, arity, [ flag ... ], firstkey, lastkey, step, [ acl ... ], [ tip ... ],          from 7.0 on
 *                 [ keyspec ... ], [ command ... ] ]
 *     keyspec = { flags: [ flag ... ], begin_search: part, find_keys: part }
 *     part    = { type: name, spec: { field: number | word ... } }
 *
 * `{}` are maps, which RESP2 and `Reply` show as flat arrays.
 */
import type { Reply } from '../../protocol/resp/reply.ts';
import { type CommandSpec, type CommandTraits, commandSpec } from './command-spec.ts';
import { type KeySpec, NO_COUNT, READ, rangeSpec, WRITE } from './key-spec.ts';

const KEY_SPECS = 8;
const SUBCOMMANDS = 9;

/** Before 7.0 a server says little of keys: `known` is asked for a command of Redis's own first. undefined: this is no command. */
export function readCommand(
  reply: Reply | undefined,
  known: (name: string) => CommandSpec | undefined,
): CommandSpec | undefined {
  if (!Array.isArray(reply)) return undefined;
  const name = text(reply[0]);
  const arity = reply[1];
  if (name === '' || typeof arity !== 'number') return undefined;
  const flags = words(reply[2]);
  const traits = {
    write: flags.includes('write'),
    readonly: flags.includes('readonly'),
    keysOptional: flags.includes('no_mandatory_keys'),
  };
  const specs = reply[KEY_SPECS];
  if (Array.isArray(specs)) {
    const subcommands = list(reply[SUBCOMMANDS]).flatMap((item) => readCommand(item, known) ?? []);
    return commandSpec(name, arity, traits, keysOf(specs, flags), subcommands);
  }
  const own = flags.includes('module') ? undefined : known(name);
  if (own === undefined) return commandSpec(name, arity, traits, legacyKeys(reply, flags, traits));
  return commandSpec(name, arity, { ...traits, keysOptional: own.keysOptional }, own.keys);
}

/** firstkey, lastkey and step; 0 for the first: no keys. What is written is not told. */
function legacyKeys(command: Reply[], flags: string[], traits: CommandTraits): KeySpec[] | undefined {
  const [first, last, step] = command.slice(3, 6);
  if (flags.includes('movablekeys')) return undefined;
  if (typeof first !== 'number' || typeof last !== 'number' || typeof step !== 'number') return undefined;
  if (first === 0) return [];
  if (first < 0 || step < 1) return undefined;
  return [rangeSpec(traits.readonly ? READ : READ | WRITE, first, last < 0 ? last : last - first, step)];
}

function keysOf(specs: Reply[], flags: string[]): KeySpec[] | undefined {
  if (specs.length === 0) return flags.includes('movablekeys') ? undefined : [];
  const keys: KeySpec[] = [];
  for (const reply of specs) {
    const spec = fields(reply);
    const marks = words(spec.get('flags'));
    if (marks.includes('not_key')) continue;
    // Of a module: its own function finds the keys (RM_CreateCommand, `getkeys-api`).
    const byFunction = marks.includes('variable_flags') && flags.includes('module');
    const key = marks.includes('incomplete') || byFunction ? undefined : readKeySpec(spec, marks);
    if (key === undefined) return undefined;
    keys.push(key);
  }
  return keys;
}

/** RO: read only; RW: changed; OW: overwritten; RM: removed (commands.def, `CMD_KEY_*` of server.h). */
const ACCESS: Readonly<Record<string, number>> = { RO: READ, RW: READ | WRITE, OW: WRITE, RM: WRITE };

function readKeySpec(spec: Map<string, Reply>, marks: string[]): KeySpec | undefined {
  const access = marks.reduce((bits, mark) => bits | (ACCESS[mark] ?? 0), 0) || READ | WRITE;
  const begin = fields(spec.get('begin_search'));
  const beginSpec = fields(begin.get('spec'));
  const byKeyword = text(begin.get('type')) === 'keyword';
  if (!byKeyword && text(begin.get('type')) !== 'index') return undefined;
  const find = fields(spec.get('find_keys'));
  const findSpec = fields(find.get('spec'));
  const counted = text(find.get('type')) === 'keynum';
  if (!counted && text(find.get('type')) !== 'range') return undefined;
  const key: KeySpec = {
    access,
    keyword: byKeyword ? Buffer.from(text(beginSpec.get('keyword')).toUpperCase(), 'latin1') : undefined,
    begin: number(beginSpec.get(byKeyword ? 'startfrom' : 'index')),
    countAt: counted ? number(findSpec.get('keynumidx')) : NO_COUNT,
    firstAt: counted ? number(findSpec.get('firstkey')) : 0,
    last: counted ? 0 : number(findSpec.get('lastkey')),
    limit: counted ? 0 : number(findSpec.get('limit')),
    step: number(findSpec.get('keystep')),
  };
  return isSound(key, counted) ? key : undefined;
}

function isSound(key: KeySpec, counted: boolean): boolean {
  const numbers = [key.begin, key.countAt, key.firstAt, key.last, key.limit, key.step];
  if (!numbers.every(Number.isSafeInteger) || key.begin === 0 || key.step < 1) return false;
  if (counted && (key.countAt < 0 || key.firstAt < 0)) return false;
  return key.keyword === undefined ? key.begin > 0 : key.keyword.length > 0;
}

function fields(reply: Reply | undefined): Map<string, Reply> {
  const items = list(reply);
  const map = new Map<string, Reply>();
  for (let i = 0; i + 1 < items.length; i += 2) map.set(text(items[i]), items[i + 1] as Reply);
  return map;
}

function list(reply: Reply | undefined): Reply[] {
  return Array.isArray(reply) ? reply : [];
}

function words(reply: Reply | undefined): string[] {
  return list(reply).map(text);
}

function text(reply: Reply | undefined): string {
  return Buffer.isBuffer(reply) ? reply.toString('latin1') : typeof reply === 'string' ? reply : '';
}

function number(reply: Reply | undefined): number {
  return typeof reply === 'number' ? reply : Number.NaN;
}
