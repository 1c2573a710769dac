/** Regular expressions over the bytes of keys, in time linear in their length. */
import { RE2JS } from 're2js';

/** A sentence that says what can not be used. */
export class ExpressionError extends Error {}

/**
 * An expression of RE2 that sees a key byte for byte, as latin1. What is not ASCII in it stands for its UTF-8 bytes, as a group of its own; in a class
 * (`[...]`) it would be several members, and is refused.
 */
export function compileExpression(text: string): RE2JS {
  try {
    return RE2JS.compile(overBytes(text));
  } catch (error) {
    if (error instanceof ExpressionError) throw error;
    const why = (error as Error).message.replace(/^error parsing regexp: /, '');
    throw new ExpressionError(`${JSON.stringify(text)} is no regular expression of RE2: ${why}`);
  }
}

function overBytes(text: string): string {
  let inClass = false;
  let out = '';
  const symbols = [...text];
  for (let i = 0; i < symbols.length; i++) {
    const symbol = symbols[i] as string;
    if (symbol === '\\') {
      out += symbol + (symbols[++i] ?? '');
      continue;
    }
    if (symbol === '[' && !inClass) inClass = true;
    else if (symbol === ']' && inClass && !/\[\^?$/.test(out)) inClass = false;
    if ((symbol.codePointAt(0) as number) < 0x80) out += symbol;
    else if (inClass) {
      throw new ExpressionError(
        `${JSON.stringify(text)}: keys are bytes, and ${symbol} is several; write (?:a|b) in the place of [ab]`,
      );
    } else out += `(?:${[...Buffer.from(symbol)].map((byte) => `\\x${byte.toString(16)}`).join('')})`;
  }
  return out;
}

/** Text with what groups matched: pieces of text, and between them numbers of groups. */
export type Template = readonly (string | number)[];

/** `$1`, `${1}` and `${name}` are groups of the expression, `$$` is a dollar. `to` is in latin1. */
export function parseTemplate(to: string, expression: RE2JS): Template {
  const groups = expression.namedGroups();
  const parts: (string | number)[] = [];
  let last = 0;
  for (const match of to.matchAll(/\$(?:(\$)|(\d)|\{(\w+)\}|())/g)) {
    parts.push(to.slice(last, match.index));
    last = match.index + match[0].length;
    const name = match[2] ?? match[3];
    if (match[1] !== undefined) parts.push('$');
    else if (name === undefined) throw new ExpressionError(`"${to}": a dollar stands for itself as $$`);
    else parts.push(groupNumber(name, groups, expression.groupCount(), to));
  }
  parts.push(to.slice(last));
  return parts.filter((part) => part !== '');
}

function groupNumber(name: string, groups: Record<string, number>, count: number, to: string): number {
  const number = /^\d+$/.test(name) ? Number(name) : groups[name];
  if (number === undefined || number > count) {
    throw new ExpressionError(`"${to}" names the group ${name}, and the expression has none of it`);
  }
  return number;
}

/** The text with the first match replaced; undefined: there is none. */
export function replaceFirst(expression: RE2JS, template: Template, text: string): string | undefined {
  const matcher = expression.matcher(text);
  if (!matcher.find()) return undefined;
  let out = text.slice(0, matcher.start());
  for (const part of template) out += typeof part === 'string' ? part : (matcher.group(part) ?? '');
  return out + text.slice(matcher.end());
}
