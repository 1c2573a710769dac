/** Walks an AOF into plain values: what came, in one list of texts, and how it ended. */
import {
  type AofEnd,
  type AofSink,
  AofWalker,
  type AofWalkerOptions,
} from '../../src/protocol/aof/aof-walker.ts';
import type { RdbSink } from '../../src/protocol/rdb/sink.ts';
import type { BigCommand } from '../../src/protocol/resp/big-frame.ts';
import { type CommandView, CommandWalker, type StreamSink } from '../../src/protocol/resp/command-walker.ts';
import { Collector } from './rdb-collect.ts';

const LIMITS = { bigEntryBytes: 1024 * 1024, bigCommandBytes: 1024 * 1024 };

export class AofCollector implements AofSink, StreamSink {
  readonly entries: Collector = new Collector();
  /** `offset..endOffset name args...` with arguments as JSON, `TS offset seconds`; big commands look as others do */
  readonly told: string[] = [];
  readonly commands: string[][] = [];
  bigCommands = 0;
  #parts: Buffer[] | undefined;

  get rdb(): RdbSink {
    return this.entries;
  }

  get stream(): StreamSink {
    return this;
  }

  timestamp(seconds: number, offset: number): void {
    this.told.push(`TS ${offset} ${seconds}`);
  }

  command(c: CommandView): void {
    const args = Array.from({ length: c.argc }, (_, i) => c.text(i));
    this.commands.push(args);
    this.told.push(`${c.offset}..${c.endOffset} ${JSON.stringify(args)}`);
  }

  bigCommand(_command: BigCommand): void {
    if (this.#parts !== undefined) throw new Error('a big command within another');
    this.#parts = [];
  }

  bigCommandPart(buf: Buffer, start: number, end: number): void {
    if (this.#parts === undefined) throw new Error('a part of no command');
    this.#parts.push(Buffer.from(buf.subarray(start, end)));
  }

  bigCommandEnd(command: BigCommand): void {
    const frame = Buffer.concat(this.#parts as Buffer[]);
    this.#parts = undefined;
    this.bigCommands++;
    if (frame.length !== command.endOffset - command.offset) throw new Error('parts are missing');
    const walker = new CommandWalker(this, { bigCommandBytes: 1e9, offset: command.offset });
    walker.write(frame, 0, frame.length);
  }
}

export interface Walked {
  sink: AofCollector;
  end: AofEnd;
}

/** Walks `aof` cut at the given places. */
export function walkAof(
  aof: Buffer,
  cuts: readonly number[] = [],
  options: Partial<AofWalkerOptions> = {},
): Walked {
  const sink = new AofCollector();
  const walker = new AofWalker(sink, { ...LIMITS, ...options });
  let pos = 0;
  for (const cut of [...cuts, aof.length]) {
    // A copy, wiped afterwards: a view that is kept beyond the call would be seen.
    const slice = Buffer.from(aof.subarray(pos, cut));
    for (let at = 0; at < slice.length && !walker.stopped; ) at = walker.write(slice, at, slice.length);
    slice.fill(0xee);
    pos = cut;
  }
  return { sink, end: walker.end() };
}
