/** What is known of an entry: empty, filled by the opcodes before its type, and forgotten. */
import { checkedLength, timeAt, wholeLength } from './length.ts';
import type { EntryView } from './sink.ts';
import * as t from './types.ts';

export function emptyEntry(): EntryView {
  const none = Buffer.alloc(0);
  return {
    keyBuf: none,
    keyStart: 0,
    keyEnd: 0,
    type: 0,
    valueBuf: none,
    valueStart: 0,
    valueEnd: 0,
    expireAtMs: -1,
    idleSeconds: -1,
    freq: -1,
    offset: 0,
    db: 0,
  };
}

/** What stood before one key does not hold for the next. */
export function forgetPrefix(view: EntryView): void {
  view.expireAtMs = -1;
  view.idleSeconds = -1;
  view.freq = -1;
}

/** A copy of the key. */
export function keyOf(view: EntryView): Buffer {
  return Buffer.from(view.keyBuf.subarray(view.keyStart, view.keyEnd));
}

/**
 * Reads an opcode that stands before an entry's type. Returns the position behind it, or, if it is not whole, how many bytes it needs at
 * least, as a negative number.
 *
 *     252 milliseconds (8 bytes) | 253 seconds (4 bytes) | 249 frequency (1 byte) | 248 idle seconds (length)
 */
export function readPrefix(view: EntryView, buf: Buffer, pos: number, end: number, base: number): number {
  const opcode = buf[pos];
  if (opcode === t.OP_IDLE) {
    const size = wholeLength(buf, pos + 1, end, base + pos + 1);
    if (size < 0) return -2;
    view.idleSeconds = checkedLength(buf, pos + 1, base + pos + 1);
    return pos + 1 + size;
  }
  const bytes = opcode === t.OP_EXPIRE_MS ? 9 : opcode === t.OP_EXPIRE ? 5 : 2;
  if (pos + bytes > end) return -bytes;
  if (opcode === t.OP_EXPIRE_MS) view.expireAtMs = timeAt(buf, pos + 1);
  else if (opcode === t.OP_EXPIRE) view.expireAtMs = Math.max(buf.readInt32LE(pos + 1) * 1000, 0);
  else view.freq = buf[pos + 1] as number;
  return pos + bytes;
}
