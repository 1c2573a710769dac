/** The only error that decoders throw: the input cannot be right. `offset` is absolute, counted from the first byte written to the decoder. */
export type FormatFault = 'malformed' | 'unknown' | 'too-large' | 'checksum' | 'truncated';

export class FormatError extends Error {
  readonly fault: FormatFault;
  readonly offset: number;
  /** The RDB type or opcode at fault, where there is one. */
  readonly type: number | undefined;
  /** The key whose value it was in, where known (a copy). */
  readonly key: Buffer | undefined;

  constructor(
    fault: FormatFault,
    message: string,
    offset: number,
    detail: { type?: number; key?: Buffer } = {},
  ) {
    super(`${message} at offset ${offset}`);
    this.name = 'FormatError';
    this.fault = fault;
    this.offset = offset;
    this.type = detail.type;
    this.key = detail.key;
  }
}
