/**
 * naru.toml: options by their name in snake case at the top level; a table named for a command overrides them for that command.
 *
 *     dir = "/var/lib/naru"
 *     [sync]
 *     spool_memory = "64 MiB"
 */
import { readFileSync } from 'node:fs';
import { parse, TomlError } from 'smol-toml';
import { NaruError } from '../errors/errors.ts';
import type { Given } from './layers.ts';
import { envName, tomlName } from './names.ts';
import { didYouMean } from './nearest.ts';
import { COMMAND_NAMES, type CommandName, OPTION_NAMES, OPTIONS, type OptionName } from './options.ts';

const BY_KEY: ReadonlyMap<string, OptionName> = new Map(OPTION_NAMES.map((name) => [tomlName(name), name]));
const ALLOWED_KEYS: readonly string[] = OPTION_NAMES.filter((name) => OPTIONS[name].toml !== false).map(
  tomlName,
);

/** @throws NaruError CONFIG_INVALID: the file can not be read, is not TOML, or has an unknown key */
export function readTomlFile(path: string, command: CommandName, text: string = readText(path)): Given[] {
  const top = parseToml(path, text);
  const own = top[command] ?? {};
  if (!isTable(own)) throw invalid(`${path}: ${command} must be a table: [${command}]`);
  const shared = readTable(withoutTables(top), path, '', COMMAND_NAMES);
  const overriding = readTable(own, path, `${command}.`, []);
  const overridden = new Set(overriding.map((given) => given.name));
  return [...shared.filter((given) => !overridden.has(given.name)), ...overriding];
}

/** What stands at the top level; the tables of all commands are left out. */
function withoutTables(top: Record<string, unknown>): Record<string, unknown> {
  const isCommand = (key: string): boolean => (COMMAND_NAMES as readonly string[]).includes(key);
  return Object.fromEntries(Object.entries(top).filter(([key]) => !isCommand(key)));
}

/** @throws NaruError CONFIG_INVALID */
export function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code ?? 'unknown error';
    throw invalid(`config: can not read ${path} (${reason})`);
  }
}

export function parseToml(path: string, text: string): Record<string, unknown> {
  try {
    return parse(text);
  } catch (error) {
    // The parser's own message quotes the lines around the fault, which may hold a password.
    if (error instanceof TomlError) {
      const what = error.message.replace('Invalid TOML document: ', '').replace(/\n.*/s, '');
      throw invalid(`${path}:${error.line}:${error.column}: not valid TOML: ${what}`);
    }
    throw error;
  }
}

function readTable(
  table: Record<string, unknown>,
  path: string,
  prefix: string,
  alsoKnown: readonly string[],
): Given[] {
  return Object.entries(table).map(([key, value]) => {
    const origin = `${path}: ${prefix}${key}`;
    const name = BY_KEY.get(key);
    if (name === undefined) {
      throw invalid(`${origin} is no option${didYouMean(key, [...ALLOWED_KEYS, ...alsoKnown])}`);
    }
    if (OPTIONS[name].toml === false) throw invalid(`${origin} is not allowed in a file: ${otherWay(name)}`);
    // 'connect_timeout = 5' is refused as '5' is: it does not say whether it means seconds.
    return { name, value: typeof value === 'number' ? String(value) : value, origin };
  });
}

function otherWay(name: OptionName): string {
  if (OPTIONS[name].kind !== 'secret') return `use --${name} or ${envName(name)}`;
  return `use ${envName(name)} or ${tomlName(name)}_file`;
}

function isTable(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function invalid(message: string): NaruError {
  return new NaruError('CONFIG_INVALID', message, { side: 'config' });
}
