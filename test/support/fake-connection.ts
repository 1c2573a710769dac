import type { NaruError } from '../../src/errors/errors.ts';
import type { Reader } from '../../src/net/connection.ts';

/** A connection whose other end is the test: it sees the commands by name, and answers when it likes. */
export class FakeConnection {
  readonly node: string = '127.0.0.1:1';
  readonly bufferedBytes: number = 0;
  readonly closed: Promise<NaruError> = new Promise<NaruError>(() => {});
  /** commands that were sent and not yet taken, as text */
  sent: string[] = [];
  destroyed = false;
  #reader: Reader | undefined;
  #text = '';

  setReader(reader: Reader): void {
    this.#reader = reader;
  }

  write(bytes: Buffer, done: () => void): boolean {
    this.#text += bytes.toString('latin1');
    done();
    this.#split();
    return true;
  }

  destroy(): void {
    this.destroyed = true;
  }

  /** The commands since the last call. */
  take(): string[] {
    return this.sent.splice(0);
  }

  answer(...replies: string[]): void {
    for (const reply of replies) {
      const bytes = Buffer.from(`${reply}\r\n`);
      const reader = this.#reader as Reader;
      const space = reader.space();
      bytes.copy(space);
      reader.received(bytes.length);
    }
  }

  /** Whole commands only: `*2 $3 GET $1 k` becomes `GET k`. */
  #split(): void {
    for (;;) {
      const head = /^\*(\d+)\r\n/.exec(this.#text);
      if (head === null) return;
      let rest = this.#text.slice(head[0].length);
      const args: string[] = [];
      while (args.length < Number(head[1])) {
        const length = /^\$(\d+)\r\n/.exec(rest);
        if (length === null) return;
        const end = length[0].length + Number(length[1]);
        if (rest.length < end + 2) return;
        args.push(rest.slice(length[0].length, end));
        rest = rest.slice(end + 2);
      }
      this.sent.push(args.join(' '));
      this.#text = rest;
    }
  }
}
