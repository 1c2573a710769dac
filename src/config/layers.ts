/** Puts the layers of option values on top of each other: naru.toml, then the environment, then flags. */
import { existsSync } from 'node:fs';
import { NOTHING, readConfigFile } from './config-file.ts';
import { camelName, ENV_PREFIX, envName, flagName } from './names.ts';
import { didYouMean } from './nearest.ts';
import { type CommandName, OPTION_NAMES, type OptionName, optionOf } from './options.ts';
import type { Origins } from './sync-options.ts';

/** One value as somebody gave it, not yet read. `origin` names the place for messages. */
export interface Given {
  name: OptionName;
  value: unknown;
  origin: string;
}

export interface Layered {
  /** by the name in camel case */
  values: Record<string, unknown>;
  origins: Origins;
  /** sentences for the operator */
  warnings: string[];
}

export const DEFAULT_CONFIG_FILE = './naru.toml';

/**
 * `flags` are those that were set, by their names in camel case.
 * @throws NaruError CONFIG_INVALID where the file can not be used; values are not checked yet
 */
export function layerOptions(
  command: CommandName,
  flags: Readonly<Record<string, unknown>>,
  env: Readonly<Record<string, string | undefined>>,
): Layered {
  const fromFlags = flagLayer(flags);
  const fromEnv = envLayer(env);
  const path = configPath([...fromEnv, ...fromFlags]);
  const file = path === undefined ? NOTHING : readConfigFile(path, command);
  const merged = new Map<OptionName, Given>();
  for (const layer of [file.given, fromEnv, fromFlags]) putOnTop(merged, layer);
  merged.delete('config');
  // The environment and the top of naru.toml speak to all commands.
  for (const name of merged.keys()) if (optionOf(command, name) === undefined) merged.delete(name);
  const all = [...merged.values()];
  return {
    values: Object.fromEntries(all.map((given) => [camelName(given.name), given.value])),
    origins: Object.fromEntries(all.map((given) => [camelName(given.name), given.origin])),
    warnings: [...file.warnings, ...unknownVariables(env)],
  };
}

function flagLayer(flags: Readonly<Record<string, unknown>>): Given[] {
  return OPTION_NAMES.filter((name) => flags[camelName(name)] !== undefined).map((name) => ({
    name,
    value: flags[camelName(name)],
    origin: flagName(name),
  }));
}

/** An empty variable is an unset one: that is how compose files and CI systems leave one out. */
function envLayer(env: Readonly<Record<string, string | undefined>>): Given[] {
  return OPTION_NAMES.filter((name) => env[envName(name)]).map((name) => ({
    name,
    value: env[envName(name)],
    origin: envName(name),
  }));
}

function configPath(given: readonly Given[]): string | undefined {
  const path = given.findLast((one) => one.name === 'config')?.value;
  if (path !== undefined) return String(path);
  return existsSync(DEFAULT_CONFIG_FILE) ? DEFAULT_CONFIG_FILE : undefined;
}

type PasswordName = `${'from' | 'to'}-${'' | 'sentinel-'}password`;

/** A password and a password file are two ways to say one thing: a higher layer's either replaces a lower layer's both. */
function putOnTop(merged: Map<OptionName, Given>, layer: readonly Given[]): void {
  for (const { name } of layer) {
    const password = /^(?:from|to)-(?:sentinel-)?password/.exec(name)?.[0] as PasswordName | undefined;
    if (password === undefined) continue;
    merged.delete(password);
    merged.delete(`${password}-file`);
  }
  for (const given of layer) merged.set(given.name, given);
}

function unknownVariables(env: Readonly<Record<string, string | undefined>>): string[] {
  const known = OPTION_NAMES.map(envName);
  return Object.keys(env)
    .filter((name) => name.startsWith(ENV_PREFIX) && !known.includes(name))
    .map((name) => `${name} is no variable of Naru and is ignored${didYouMean(name, known)}`);
}
