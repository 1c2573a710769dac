import type { RE2JS } from 're2js';
import { compileExpression, parseTemplate, replaceFirst, type Template } from './expression.ts';
import { hasAt } from './key-matcher.ts';
import { bytesOf, type RenameSpec } from './rule.ts';

/** Gives a key another name. */
export interface Renamer {
  /** The new name; undefined: this rule does not rename the key. */
  rename(buf: Buffer, start: number, end: number): Buffer | undefined;
  /** The key that has this name now and could have become it; undefined: none. Absent: nobody can tell. */
  origin?(name: Buffer): Buffer | undefined;
}

/** Throws ExpressionError. */
export function renamerOf(spec: RenameSpec): Renamer {
  if (spec.regex !== undefined) return new ByExpression(spec.regex, spec.to);
  return new ByPrefix(bytesOf(spec.prefix ?? ''), bytesOf(spec.to));
}

class ByPrefix implements Renamer {
  readonly #prefix: Buffer;
  readonly #to: Buffer;

  constructor(prefix: Buffer, to: Buffer) {
    this.#prefix = prefix;
    this.#to = to;
  }

  rename(buf: Buffer, start: number, end: number): Buffer | undefined {
    const prefix = this.#prefix;
    const to = this.#to;
    if (!hasAt(prefix, buf, start, end)) return undefined;
    const name = Buffer.allocUnsafe(end - start - prefix.length + to.length);
    to.copy(name);
    buf.copy(name, to.length, start + prefix.length, end);
    return name;
  }

  origin(name: Buffer): Buffer | undefined {
    if (!hasAt(this.#to, name, 0, name.length)) return undefined;
    return Buffer.concat([this.#prefix, name.subarray(this.#to.length)]);
  }
}

class ByExpression implements Renamer {
  readonly #expression: RE2JS;
  readonly #template: Template;

  constructor(regex: string, to: string) {
    this.#expression = compileExpression(regex);
    this.#template = parseTemplate(bytesOf(to).toString('latin1'), this.#expression);
  }

  rename(buf: Buffer, start: number, end: number): Buffer | undefined {
    const name = replaceFirst(this.#expression, this.#template, buf.toString('latin1', start, end));
    return name === undefined ? undefined : Buffer.from(name, 'latin1');
  }
}
