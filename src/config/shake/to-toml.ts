import { tomlName } from '../names.ts';
import type { Mapped, ShakeMapping } from './mapping.ts';

/** The text of a naru.toml that does the same. Passwords are not in it: they do not belong into such a file. */
export function toToml(mapping: ShakeMapping, path: string): string {
  const { command, options, secrets, mapped, notNeeded, unsupported } = mapping;
  return [
    `# Made of ${path}, a configuration of RedisShake. Use: naru ${command} --config naru.toml`,
    ...comments('Not supported', unsupported),
    ...comments('Not needed', notNeeded),
    ...comments('Mapped', mapped),
    '',
    `[${command}]`,
    ...[...options].map(([name, value]) => `${tomlName(name)} = ${tomlValue(name, value)}`),
    ...[...secrets.keys()].map(
      (name) => `# put the password into a file: ${tomlName(name)}_file = "/run/secrets/..."`,
    ),
    '',
  ].join('\n');
}

function comments(title: string, lines: readonly string[]): string[] {
  return lines.length === 0
    ? []
    : [`# ${title}:`, ...lines.map((line) => `#   ${line.replace(/\s+/g, ' ')}`)];
}

function tomlValue(name: string, value: Mapped): string {
  if (typeof value !== 'string') return `[${value.map((each) => JSON.stringify(each)).join(', ')}]`;
  const bare = /^(true|false)$/.test(value) || (/^\d+$/.test(value) && !/^(from|to|dir)$/.test(name));
  return bare ? value : JSON.stringify(value);
}
