import { NaruError } from '../../errors/errors.ts';
import { PassingSink } from '../../protocol/rdb/passing-sink.ts';
import type { RdbSink } from '../../protocol/rdb/sink.ts';

/** The files hold nothing as old as the time that was asked for. */
export function untilTooEarly(path: string, until: number, begins: number): NaruError {
  const [asked, begin] = [until, begins].map((seconds) => new Date(seconds * 1000).toISOString());
  const text = `${path} begins at ${begin}, and the state at ${asked} was asked for`;
  return new NaruError('UNTIL_TOO_EARLY', text, { side: 'source', node: path });
}

/**
 * Passes an RDB on and looks at the time it was made (aux field `ctime`, seconds since 1970): one from after `until` can't lead to the state at
 * that time. The field stands before the first entry.
 */
export class BaseTime extends PassingSink {
  readonly #path: string;
  readonly #until: number;

  constructor(sink: RdbSink, path: string, until: number) {
    super(sink);
    this.#path = path;
    this.#until = until;
  }

  override aux(name: string, value: Buffer): void {
    const made = name === 'ctime' ? Number(value.toString('latin1')) : 0;
    if (made > this.#until) throw untilTooEarly(this.#path, this.#until, made);
    this.sink.aux(name, value);
  }
}
