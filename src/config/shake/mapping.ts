/** What a configuration of RedisShake comes to here. */
import { type CommandName, type OptionName, optionOf } from '../options.ts';

/** `rump` of old versions and `scan_reader` of new ones are `scan`. */
export type ShakeCommand = CommandName | 'scan';

/** A value of an option of Naru; a list is an array. */
export type Mapped = string | readonly string[];

export interface ShakeMapping {
  readonly command: ShakeCommand;
  /** by the option's name; a password is in `secrets` */
  readonly options: ReadonlyMap<string, Mapped>;
  readonly secrets: ReadonlyMap<string, string>;
  /** `key of RedisShake: what it has become` */
  readonly mapped: readonly string[];
  /** what Naru does by itself, or has no need of */
  readonly notNeeded: readonly string[];
  /** what Naru does not do: read it before you begin */
  readonly unsupported: readonly string[];
}

/** Collects a mapping. Keys are told by their own names. */
export class MappingBuilder {
  command: ShakeCommand = 'sync';
  readonly #options = new Map<string, Mapped>();
  /** by the option: what said so */
  readonly #keys = new Map<string, string>();
  readonly #secrets = new Map<string, string>();
  readonly #mapped: string[] = [];
  readonly #notNeeded: string[] = [];
  readonly #unsupported: string[] = [];

  set(key: string, option: string, value: Mapped): void {
    this.#options.set(option, value);
    this.#keys.set(option, key);
    const text = typeof value === 'string' ? value : value.join(', ');
    this.#mapped.push(`${key}: ${option} = ${text}`);
  }

  /** What else the option says goes on. */
  add(key: string, option: string, value: readonly string[]): void {
    this.set(key, option, [
      ...((this.#options.get(option) as readonly string[] | undefined) ?? []),
      ...value,
    ]);
  }

  /** What the option names already, where it does, and nothing else of this. */
  narrow(key: string, option: string, value: readonly string[]): void {
    const before = this.#options.get(option) as readonly string[] | undefined;
    const both = before === undefined ? value : value.filter((one) => before.includes(one));
    if (both.length === 0)
      this.unsupported(key, `it leaves nothing of what ${this.#keys.get(option)} names, and is left out`);
    else this.set(key, option, both);
  }

  /** No version of RedisShake looks at certificates. */
  uncheckedTls(key: string, side: 'from' | 'to'): void {
    this.set(key, `${side}-tls-insecure`, 'true');
    this.unsupported(
      key,
      `RedisShake does not look at certificates, and so it stays here: take out ${side}-tls-insecure`,
    );
  }

  secret(key: string, option: string, value: string): void {
    this.#secrets.set(option, value);
    this.#mapped.push(`${key}: ${option}`);
    if (/\$\{\w+\}/.test(value)) {
      this.#unsupported.push(`${key}: \${...} in it is taken as it stands, and not from the environment`);
    }
  }

  /** It is as Naru is anyway. */
  same(key: string, why: string): void {
    this.#mapped.push(`${key}: ${why}`);
  }

  notNeeded(key: string, why: string): void {
    this.#notNeeded.push(`${key}: ${why}`);
  }

  unsupported(key: string, why: string): void {
    this.#unsupported.push(`${key}: ${why}`);
  }

  build(): ShakeMapping {
    for (const [option, key] of this.#keys) {
      if (optionOf(this.command, option as OptionName) !== undefined) continue;
      this.#options.delete(option);
      this.#unsupported.push(`${key}: naru ${this.command} has no ${option}`);
    }
    return {
      command: this.command,
      options: this.#options,
      secrets: this.#secrets,
      mapped: this.#mapped,
      notNeeded: this.#notNeeded,
      unsupported: this.#unsupported,
    };
  }
}
