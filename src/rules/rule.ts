/** What a rule is, as data: conditions, and one effect. */
import type { ValueKind } from '../protocol/rdb/value-sink.ts';

/** A key's type as TYPE tells it; all types of modules are one. */
export type TypeName = ValueKind;

export const TYPE_NAMES: readonly TypeName[] = ['string', 'list', 'set', 'zset', 'hash', 'stream', 'module'];

/** Renames by a beginning that all renamed keys have, or by an expression (`$1`, `${name}` in `to` are what its groups matched). */
export interface RenameSpec {
  readonly prefix?: string | undefined;
  readonly regex?: string | undefined;
  readonly to: string;
}

/** What becomes of a key's expiry: first `addMs`, then the bounds for what is left. Keys that do not expire stay so. */
export interface TtlSpec {
  readonly drop?: boolean | undefined;
  readonly addMs?: number | undefined;
  readonly minMs?: number | undefined;
  readonly maxMs?: number | undefined;
}

/**
 * One rule of an ordered table. Conditions of different kinds have to hold together, of one kind one has to (and `prefix`, `suffix`, `glob` and
 * `regex` are one kind: the key). Text is UTF-8; `\xHH` stands for any byte.
 */
export interface RuleSpec {
  readonly name: string;
  /** where it was given, for messages */
  readonly origin: string;
  readonly prefix?: readonly string[] | undefined;
  readonly suffix?: readonly string[] | undefined;
  readonly glob?: readonly string[] | undefined;
  readonly regex?: readonly string[] | undefined;
  readonly db?: readonly number[] | undefined;
  readonly type?: readonly TypeName[] | undefined;
  /** first and last, 0 to 16383 */
  readonly slot?: readonly (readonly [number, number])[] | undefined;
  /** of the stream, in any case */
  readonly command?: readonly string[] | undefined;
  readonly action?: 'keep' | 'drop' | undefined;
  readonly rename?: RenameSpec | undefined;
  readonly toDb?: number | undefined;
  readonly ttl?: TtlSpec | undefined;
}

export function hasKeyPattern({ prefix, suffix, glob, regex }: RuleSpec): boolean {
  return prefix !== undefined || suffix !== undefined || glob !== undefined || regex !== undefined;
}

/** Bytes of a text: UTF-8, with `\xHH` for the byte HH. */
export function bytesOf(text: string): Buffer {
  const utf8 = Buffer.from(text, 'utf8').toString('latin1');
  return Buffer.from(
    utf8.replace(/\\x([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))),
    'latin1',
  );
}
