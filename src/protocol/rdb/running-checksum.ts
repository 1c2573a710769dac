/** The checksum over an RDB's bytes up to its own place, taken as they come. */
import { Crc64 } from '../checksum/crc64.ts';
import { FormatError } from '../format-error.ts';

export const CHECKSUM_BYTES = 8;

/** It is taken over absolute offsets, so that bytes that are written again after a restart do not count twice. */
export class RunningChecksum {
  readonly #crc: Crc64 | undefined;
  /** absolute offset up to which it has been taken */
  #to = 0;

  constructor(wanted: boolean) {
    this.#crc = wanted ? new Crc64() : undefined;
  }

  /** Takes in `buf[start, to)`, where `origin` is the absolute offset of `buf[0]`. */
  count(buf: Buffer, start: number, to: number, origin: number): void {
    const from = Math.max(start, this.#to - origin);
    if (from >= to) return;
    this.#crc?.update(buf, from, to);
    this.#to = origin + to;
  }

  /** Compares with the 8 bytes at `pos`, little endian. 0 means that the source had checksums off. */
  verify(buf: Buffer, pos: number, offset: number): void {
    const none = buf.readUInt32LE(pos) === 0 && buf.readUInt32LE(pos + 4) === 0;
    if (none || this.#crc === undefined || this.#crc.equals(buf, pos)) return;
    throw new FormatError('checksum', 'the checksum does not match: the RDB was damaged', offset);
  }
}
