const STAR = 0x2a;
const ANY = 0x3f;
const OPEN = 0x5b;
const CLOSE = 0x5d;
const NOT = 0x5e;
const RANGE = 0x2d;
const ESCAPE = 0x5c;

/**
 * Whether `buf[start, end)` is of the form that KEYS and SCAN know (`stringmatchlen` of Redis's util.c), byte for byte:
 *
 *     *  any bytes    ?  one byte    [abc] [a-z] [^a]  one byte of a class    \  the next byte as it is
 *
 * Only the last star is ever taken back, so the time is at most the product of the lengths.
 */
export function matchesGlob(glob: Buffer, buf: Buffer, start: number, end: number): boolean {
  let pos = start;
  let at = 0;
  let star = -1;
  let starPos = start;
  while (pos < end) {
    if (at < glob.length && glob[at] === STAR) {
      star = at++;
      starPos = pos;
      continue;
    }
    const next = at < glob.length ? matchesOne(glob, at, buf[pos] as number) : -1;
    if (next >= 0) {
      at = next;
      pos++;
    } else if (star >= 0) {
      at = star + 1;
      pos = ++starPos;
    } else return false;
  }
  while (at < glob.length && glob[at] === STAR) at++;
  return at === glob.length;
}

/** The place behind the part of the pattern at `at` where it takes the byte; -1: it does not. */
function matchesOne(glob: Buffer, at: number, byte: number): number {
  const head = glob[at];
  if (head === ANY) return at + 1;
  if (head === OPEN) return matchesClass(glob, at + 1, byte);
  const literal = head === ESCAPE && at + 1 < glob.length ? at + 1 : at;
  return glob[literal] === byte ? literal + 1 : -1;
}

/** A class without an end reaches to the end of the pattern. */
function matchesClass(glob: Buffer, first: number, byte: number): number {
  let at = first;
  const negated = glob[at] === NOT;
  if (negated) at++;
  let found = false;
  while (at < glob.length && glob[at] !== CLOSE) {
    if (glob[at] === ESCAPE && at + 1 < glob.length) at++;
    const low = glob[at] as number;
    if (glob[at + 1] === RANGE && at + 2 < glob.length) {
      const high = glob[at + 2] as number;
      if (byte >= Math.min(low, high) && byte <= Math.max(low, high)) found = true;
      at += 3;
    } else {
      if (low === byte) found = true;
      at++;
    }
  }
  return found === negated ? -1 : Math.min(at + 1, glob.length);
}
