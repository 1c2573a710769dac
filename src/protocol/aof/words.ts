/** Words in quotes, as Redis writes and reads them in its own files (sds.c: sdssplitargs, sdscatrepr). */

/** Blanks are those of C: in `\s` there are more, and one of them is a byte of UTF-8 letters. */
const WORD =
  /(?:"((?:[^"\\]|\\[\s\S])*)"|'((?:[^'\\]|\\'|\\(?!'))*)'|([^\t-\r "']+))(?=[\t-\r ]|$)[\t-\r ]*/y;
const BLANKS_AROUND = /^[\t-\r ]+|[\t-\r ]+$/g;
const ESCAPE = /\\(?:x([0-9a-fA-F]{2})|([\s\S]))/g;
const NAMED: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', b: '\b', a: '\x07' };

/**
 * Splits a line (bytes as Latin-1) into words. In double quotes `\n`, `\r`, `\t`, `\b`, `\a` and `\xHH` stand for bytes and `\` takes the next
 * byte as it is; in single quotes only `\'` is an escape. undefined: quotes that do not close, or that are only a part of a word.
 */
export function splitWords(line: string): string[] | undefined {
  const words: string[] = [];
  const text = line.replace(BLANKS_AROUND, '');
  WORD.lastIndex = 0;
  for (let at = 0; at < text.length; at = WORD.lastIndex) {
    const match = WORD.exec(text);
    if (match === null) return undefined;
    const [, double, single, plain] = match;
    if (double !== undefined) words.push(double.replace(ESCAPE, unescaped));
    else words.push(plain ?? (single as string).replaceAll("\\'", "'"));
  }
  return words;
}

function unescaped(_all: string, hex: string | undefined, byte: string): string {
  return hex === undefined ? (NAMED[byte] ?? byte) : String.fromCharCode(Number.parseInt(hex, 16));
}
