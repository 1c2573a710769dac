/** The file that --config names: naru.toml, or a configuration of RedisShake, which its content tells. */
import { NaruError } from '../errors/errors.ts';
import { Secret } from '../net/secret.ts';
import type { Given } from './layers.ts';
import { type CommandName, OPTION_NAMES, type OptionName } from './options.ts';
import type { ShakeMapping } from './shake/mapping.ts';
import { isShake2, mapShake2 } from './shake/version-2.ts';
import { isShake3, mapShake3 } from './shake/version-3.ts';
import { isShake4, mapShake4 } from './shake/version-4.ts';
import { parseToml, readText, readTomlFile } from './toml-file.ts';

export interface ConfigFile {
  given: Given[];
  /** sentences for the operator */
  warnings: string[];
}

export const NOTHING: ConfigFile = { given: [], warnings: [] };

/** @throws NaruError CONFIG_INVALID */
export function readConfigFile(path: string, command: CommandName): ConfigFile {
  const text = readText(path);
  const shake = shakeIn(text, path);
  if (shake === undefined) return { given: readTomlFile(path, command, text), warnings: [] };
  if (shake.command !== command) {
    const why = `this configuration of RedisShake is one for naru ${shake.command}, and not for naru ${command}`;
    throw new NaruError('CONFIG_INVALID', `${path}: ${why}`, { side: 'config' });
  }
  return { given: givenBy(shake, path), warnings: tell(shake, path) };
}

/** Undefined: it is none of RedisShake's. @throws NaruError CONFIG_INVALID */
export function shakeIn(
  text: string,
  path: string,
  env: NodeJS.ProcessEnv = process.env,
): ShakeMapping | undefined {
  if (isShake2(text)) return mapShake2(text, path);
  if (!/^\s*\[\s*(\w+_reader|redis_writer|source)\b/m.test(text)) return undefined;
  const top = parseToml(path, text);
  if (isShake3(top)) return mapShake3(top, path);
  return isShake4(top) ? mapShake4(top, path, env) : undefined;
}

function givenBy({ options, secrets }: ShakeMapping, path: string): Given[] {
  const origin = `${path} (RedisShake)`;
  return [
    ...[...options]
      .filter(([name]) => isOption(name))
      .map(([name, value]) => ({ name: name as OptionName, value, origin })),
    ...[...secrets].map(([name, value]) => ({ name: name as OptionName, value: Secret.of(value), origin })),
  ];
}

/** What was made of the file: all that is not supported, and in one line each what is and what is not needed. */
function tell(shake: ShakeMapping, path: string): string[] {
  const { mapped, notNeeded, unsupported, options } = shake;
  const unknown = [...options.keys()].filter((name) => !isOption(name));
  return [
    `${path} is a configuration of RedisShake; naru config convert writes it as naru.toml`,
    `mapped: ${mapped.join('; ')}`,
    ...(notNeeded.length === 0 ? [] : [`not needed: ${notNeeded.join('; ')}`]),
    ...unsupported.map((line) => `not supported: ${line}`),
    ...unknown.map((name) => `not supported: this version has no option ${name}`),
  ];
}

function isOption(name: string): boolean {
  return (OPTION_NAMES as readonly string[]).includes(name);
}
