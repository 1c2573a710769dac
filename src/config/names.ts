/** One option has one name in kebab case; its other spellings are derived here and nowhere else. */

/** `spool-memory` becomes `spoolMemory`. */
export type Camel<Name extends string> = Name extends `${infer Head}-${infer Tail}`
  ? `${Head}${Capitalize<Camel<Tail>>}`
  : Name;

export function camelName<Name extends string>(name: Name): Camel<Name> {
  return name.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase()) as Camel<Name>;
}

export function flagName(name: string): string {
  return `--${name}`;
}

export const ENV_PREFIX = 'NARU_';

export function envName(name: string): string {
  return ENV_PREFIX + name.toUpperCase().replaceAll('-', '_');
}

export function tomlName(name: string): string {
  return name.replaceAll('-', '_');
}
