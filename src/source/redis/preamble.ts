import { FormatError } from '../../protocol/format-error.ts';

/** What a source answers to PSYNC, line by line, up to the first byte of the snapshot or the stream. */
export type PreambleResult =
  | { kind: 'full'; replid: string; offset: number; size: number }
  | { kind: 'full-eof'; replid: string; offset: number; mark: Buffer }
  | { kind: 'continue'; replid: string | undefined }
  | { kind: 'refused'; text: string; agreed: boolean }
  /** a snapshot without a word on its position: the answer to SYNC */
  | { kind: 'sync' };

export const EOF_MARK_BYTES = 40;
const LF = 0x0a;
const LINE_MAX = 4096;

/**
 *     answer   = { "\n" } ( full | continue | sync | "-" text CRLF )
 *     full     = "+FULLRESYNC " replid " " offset CRLF { "\n" } ( "$" size CRLF | "$EOF:" mark CRLF | "-" text CRLF )
 *     sync     = "$" size CRLF | "$EOF:" mark CRLF
 *     continue = "+CONTINUE" [ " " replid ] CRLF
 *
 * (Redis replication.c: masterTryPartialResynchronization, replicationSetupSlaveForFullResync, readSyncBulkPayload.) The newlines are
 * keep-alives while the source prepares the snapshot. Bytes behind the last line are not looked at. An answer that is not of this
 * grammar is refused with its bytes, never guessed at.
 */
export class Preamble {
  #line = '';
  #full: { replid: string; offset: number } | undefined;
  readonly #onFull: (replid: string, offset: number) => void;

  constructor(onFull: (replid: string, offset: number) => void) {
    this.#onFull = onFull;
  }

  result: PreambleResult | undefined;

  /** Takes bytes until `result` is there; returns the position behind the last one taken. */
  write(buf: Buffer, start: number, end: number): number {
    let pos = start;
    while (pos < end && this.result === undefined) {
      const byte = buf[pos++] as number;
      if (byte !== LF) {
        this.#line += String.fromCharCode(byte);
        if (this.#line.length > LINE_MAX) throw new FormatError('malformed', 'An answer without an end', 0);
        continue;
      }
      const line = this.#line.endsWith('\r') ? this.#line.slice(0, -1) : this.#line;
      this.#line = '';
      if (line !== '') this.result = this.#take(line);
    }
    return pos;
  }

  #take(line: string): PreambleResult | undefined {
    if (line.startsWith('-'))
      return { kind: 'refused', text: line.slice(1), agreed: this.#full !== undefined };
    if (this.#full !== undefined) return this.#payload(this.#full, line);
    const full = /^\+FULLRESYNC ([0-9a-zA-Z?]{40}) (\d{1,15})$/.exec(line);
    if (full !== null) {
      this.#full = { replid: full[1] as string, offset: Number(full[2]) };
      this.#onFull(this.#full.replid, this.#full.offset);
      return undefined;
    }
    const partial = /^\+CONTINUE(?: ([0-9a-zA-Z]{40}))?$/.exec(line);
    if (partial !== null) return { kind: 'continue', replid: partial[1] };
    if (/^\$(\d{1,15}|EOF:.{40})$/.test(line)) return { kind: 'sync' };
    throw unexpected(line);
  }

  #payload(full: { replid: string; offset: number }, line: string): PreambleResult {
    const size = /^\$(\d{1,15})$/.exec(line);
    if (size !== null) return { kind: 'full', ...full, size: Number(size[1]) };
    if (line.startsWith('$EOF:') && line.length === 5 + EOF_MARK_BYTES) {
      return { kind: 'full-eof', ...full, mark: Buffer.from(line.slice(5), 'latin1') };
    }
    throw unexpected(line);
  }
}

function unexpected(line: string): FormatError {
  return new FormatError('unknown', `An unknown answer to PSYNC: ${JSON.stringify(line.slice(0, 100))}`, 0);
}
