import type { RE2JS } from 're2js';
import { compileExpression } from './expression.ts';
import { matchesGlob } from './glob.ts';
import { bytesOf, hasKeyPattern, type RuleSpec } from './rule.ts';

/** The patterns of one rule for the key's name: one of them has to match. Only an expression makes a string of the key. */
export class KeyMatcher {
  readonly #prefixes: readonly Buffer[];
  readonly #suffixes: readonly Buffer[];
  readonly #globs: readonly Buffer[];
  readonly #expressions: readonly RE2JS[];

  private constructor(spec: RuleSpec) {
    this.#prefixes = (spec.prefix ?? []).map(bytesOf);
    this.#suffixes = (spec.suffix ?? []).map(bytesOf);
    this.#globs = (spec.glob ?? []).map(bytesOf);
    this.#expressions = (spec.regex ?? []).map(compileExpression);
  }

  /** Undefined: the rule has none, and is about all keys. Throws ExpressionError. */
  static of(spec: RuleSpec): KeyMatcher | undefined {
    return hasKeyPattern(spec) ? new KeyMatcher(spec) : undefined;
  }

  matches(buf: Buffer, start: number, end: number): boolean {
    for (let i = 0; i < this.#prefixes.length; i++) {
      if (hasAt(this.#prefixes[i] as Buffer, buf, start, end)) return true;
    }
    for (let i = 0; i < this.#suffixes.length; i++) {
      const suffix = this.#suffixes[i] as Buffer;
      if (end - suffix.length >= start && hasAt(suffix, buf, end - suffix.length, end)) return true;
    }
    for (let i = 0; i < this.#globs.length; i++) {
      if (matchesGlob(this.#globs[i] as Buffer, buf, start, end)) return true;
    }
    if (this.#expressions.length === 0) return false;
    const text = buf.toString('latin1', start, end);
    for (const expression of this.#expressions) if (expression.matcher(text).find()) return true;
    return false;
  }
}

/** Whether `part` stands at `start`. */
export function hasAt(part: Buffer, buf: Buffer, start: number, end: number): boolean {
  if (end - start < part.length) return false;
  for (let i = 0; i < part.length; i++) if (buf[start + i] !== part[i]) return false;
  return true;
}
