import { randomBytes } from 'node:crypto';
import { NaruError } from '../../../errors/errors.ts';
import { delay } from '../../../net/backoff.ts';
import { type RespClient, ServerError } from '../../../net/client.ts';
import type { Connection } from '../../../net/connection.ts';
import type { CommandView } from '../../../protocol/resp/command-walker.ts';

const ECHO = Buffer.from('echo');
const EXISTS = Buffer.from('exists');
/** Keys that are asked for at once for each shard: by chance nearly every shard has one of them. */
const KEYS_A_SHARD = 8;
/** How long the line of a command that was answered may take, before others are sent. */
const LINE_MS = 100;

/**
 * A backslash and an `n`, behind each mark. Valkey 8.1 writes neither backslashes nor quotes as escapes (`sdscatrepr` of its sds.c): there it is shown as if it
 * were a newline, and where an argument ends can't be told.
 */
const BEHIND = '\\n';
const NEWLINE = 0x0a;

/**
 * Commands that are run for the sake of being shown: all that the source ran before them has been shown when they are.
 *
 * A server shows ECHO. A proxy may answer that by itself, and it has shards: EXISTS of keys that are not there goes to the shard that would have them, and
 * is asked with other keys until each shard has shown one. Nothing of this writes.
 */
export class Marks {
  readonly #client: RespClient;
  readonly #prefix: Buffer = Buffer.from(`naru:mark:${randomBytes(8).toString('hex')}:`);
  /** of each shard: the last mark that it has shown */
  readonly #shown: number[];
  #last = 0;
  #waiting: { mark: number; resolve: () => void; reject: (error: NaruError) => void }[] = [];

  constructor(client: RespClient, shards: number) {
    this.#client = client;
    this.#shown = Array.from({ length: shards }, () => 0);
  }

  /** Whether a command of this name may be a mark. */
  wants(buf: Buffer, start: number, end: number): boolean {
    return isWord(buf, start, end, ECHO) || isWord(buf, start, end, EXISTS);
  }

  /** Whether the command is a mark, which a shard has shown. Throws NaruError where the source does not show commands as they are. */
  seen(shard: number, command: CommandView): boolean {
    if (command.argc !== 2) return false;
    const start = command.argStart[1] as number;
    const end = command.argEnd[1] as number;
    const prefix = this.#prefix;
    if (
      end - start <= prefix.length ||
      command.buf.compare(prefix, 0, prefix.length, start, start + prefix.length)
    )
      return false;
    if (command.buf[end - 1] === NEWLINE) throw unreadable(this.#client.connection);
    const mark = Number.parseInt(command.buf.toString('latin1', start + prefix.length, end), 10);
    this.#shown[shard] = Math.max(this.#shown[shard] as number, mark);
    this.#tell();
    return true;
  }

  /** Resolves when each shard has shown a mark that was sent after this was called. */
  async passed(): Promise<void> {
    const mark = ++this.#last;
    const done = new AbortController();
    const passed = new Promise<void>((resolve, reject) =>
      this.#waiting.push({ mark, resolve, reject }),
    ).finally(() => done.abort());
    passed.catch(() => {});
    for (let round = 0; !done.signal.aborted; round++) {
      await this.#send(mark, round);
      await delay(LINE_MS, done.signal).catch(() => {});
    }
    await passed;
  }

  fail(error: NaruError): void {
    for (const { reject } of this.#waiting.splice(0)) reject(error);
  }

  async #send(mark: number, round: number): Promise<void> {
    const shards = this.#shown.length;
    const calls: Promise<unknown>[] = [];
    if (round === 0) calls.push(this.#client.call('ECHO', `${this.#prefix}${mark}:${BEHIND}`));
    for (let i = 0; (round > 0 || shards > 1) && i < shards * KEYS_A_SHARD; i++) {
      calls.push(this.#client.call('EXISTS', `${this.#prefix}${mark}:${round}:${i}:${BEHIND}`));
    }
    for (const { status, reason } of (await Promise.allSettled(calls)) as PromiseRejectedResult[]) {
      // One that is refused is not shown, or it is; the next round has others.
      if (status === 'rejected' && !(reason instanceof ServerError)) throw reason;
    }
  }

  #tell(): void {
    const shown = Math.min(...this.#shown);
    for (const { mark, resolve } of this.#waiting) if (mark <= shown) resolve();
    this.#waiting = this.#waiting.filter(({ mark }) => mark > shown);
  }
}

/** `word` is in small letters. */
function isWord(buf: Buffer, start: number, end: number, word: Buffer): boolean {
  if (end - start !== word.length) return false;
  for (let i = 0; i < word.length; i++) if (((buf[start + i] as number) | 0x20) !== word[i]) return false;
  return true;
}

export function unreadable({ side, node }: Connection, cause?: unknown): NaruError {
  const message = 'The source shows commands by MONITOR in a way that can not be read, as Valkey 8.1 does.';
  return new NaruError('CHANGES_NOT_TOLD', message, { side, node }, { cause });
}
