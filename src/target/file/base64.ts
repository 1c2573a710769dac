const ALPHABET: Buffer = Buffer.from('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/');

/** Writes 24 bits as four characters at `at`. Buffer.toString would make a string of each value first. */
export function encodeTriple(block: Buffer, at: number, bits: number): void {
  block[at] = ALPHABET[bits >> 18] as number;
  block[at + 1] = ALPHABET[(bits >> 12) & 63] as number;
  block[at + 2] = ALPHABET[(bits >> 6) & 63] as number;
  block[at + 3] = ALPHABET[bits & 63] as number;
}
