const SHOWN_BYTES = 128;

/** A key as text for people: what is not printable ASCII or valid UTF-8 is escaped as redis-cli does (`\x00`), and long ones are cut. */
export function printable(key: Buffer): string {
  const shown = key.subarray(0, SHOWN_BYTES);
  const text = shown.toString('utf8');
  const isText = Buffer.from(text, 'utf8').equals(shown) && !/\p{Cc}/u.test(text);
  const escaped = isText ? text : Array.from(shown, escapeByte).join('');
  return key.length > SHOWN_BYTES ? `${escaped}... (${key.length} bytes)` : escaped;
}

function escapeByte(byte: number): string {
  if (byte >= 0x20 && byte < 0x7f) return String.fromCharCode(byte);
  return `\\x${byte.toString(16).padStart(2, '0')}`;
}
