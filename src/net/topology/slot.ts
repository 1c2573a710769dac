/** Which of a cluster's 16384 hash slots a key belongs to (redis/src/cluster.c, keyHashSlot; redis/src/crc16.c). */
export const SLOTS = 16384;

const OPEN = 0x7b;
const CLOSE = 0x7d;

/** CRC-16/XMODEM: polynomial 0x1021, begun with 0, nothing reflected; one entry for each byte. */
const TABLE: Uint16Array = new Uint16Array(256).map((_, byte) => {
  let crc = byte << 8;
  for (let bit = 0; bit < 8; bit++) crc = crc & 0x8000 ? (crc << 1) ^ 0x1021 : crc << 1;
  return crc;
});

/**
 *     key = [ before ] "{" tag "}" [ behind ] | whole
 *
 * The slot of the key `buf[start, end)`, 0 to 16383. Of the first `{` and the first `}` behind it the bytes between count, where there are
 * any; else all bytes do.
 */
export function keySlot(buf: Uint8Array, start: number, end: number): number {
  let open = start;
  while (open < end && buf[open] !== OPEN) open++;
  let close = open + 1;
  while (close < end && buf[close] !== CLOSE) close++;
  return close < end && close > open + 1 ? hash(buf, open + 1, close) : hash(buf, start, end);
}

function hash(buf: Uint8Array, start: number, end: number): number {
  let crc = 0;
  for (let at = start; at < end; at++) {
    crc = ((crc << 8) ^ (TABLE[(crc >>> 8) ^ (buf[at] as number)] as number)) & 0xffff;
  }
  return crc & (SLOTS - 1);
}

let tags: string[] | undefined;

/**
 * A short tag of `0-9a-z` whose keys, `naru:{tag}:...`, are in this slot: for keys of Naru's own beside others of the slot. The same for
 * ever, since checkpoints are found again by it.
 */
export function slotTag(slot: number): string {
  tags ??= makeTags();
  const tag = tags[slot];
  if (tag === undefined) throw new RangeError(`no such slot: ${slot}`);
  return tag;
}

/** Counting in base 36 meets every slot within four digits; the first that does is taken. */
function makeTags(): string[] {
  const found: string[] = new Array(SLOTS);
  for (let number = 0, missing = SLOTS; missing > 0; number++) {
    const tag = number.toString(36);
    const bytes = Buffer.from(tag);
    const slot = hash(bytes, 0, bytes.length);
    if (found[slot] !== undefined) continue;
    found[slot] = tag;
    missing--;
  }
  return found;
}
