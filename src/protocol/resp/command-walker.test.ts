import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FormatError } from '../format-error.ts';
import type { BigCommand } from './big-frame.ts';
import { type CommandView, CommandWalker, type StreamSink } from './command-walker.ts';

/** Keeps what a walker tells, as plain values: whole and big commands look alike, so that both paths can be compared. */
class Recorder implements StreamSink {
  readonly commands: { args: string[]; offset: number; endOffset: number }[] = [];
  #parts: Buffer[] = [];
  bigCommands = 0;

  command(c: CommandView): void {
    const args = Array.from({ length: c.argc }, (_, i) => c.text(i));
    expect(frame(args).equals(c.buf.subarray(c.frameStart, c.frameEnd))).toBe(true);
    this.commands.push({ args, offset: c.offset, endOffset: c.endOffset });
  }

  bigCommand(c: BigCommand): void {
    expect(c.kept.has(0)).toBe(true);
    this.#parts = [];
  }

  bigCommandPart(buf: Buffer, start: number, end: number): void {
    this.#parts.push(Buffer.from(buf.subarray(start, end)));
  }

  bigCommandEnd(c: BigCommand): void {
    this.bigCommands++;
    const whole = Buffer.concat(this.#parts);
    const again = new Recorder();
    new CommandWalker(again, { bigCommandBytes: 1e9 }).write(whole, 0, whole.length);
    const args = again.commands[0]?.args ?? [];
    expect(again.commands).toHaveLength(1);
    expect(args).toHaveLength(c.argc);
    for (const [index, kept] of c.kept) expect(kept.toString('latin1')).toBe(args[index]);
    this.commands.push({ args, offset: c.offset, endOffset: c.endOffset });
  }
}

function frame(args: string[]): Buffer {
  const parts = args.map((a) => `$${a.length}\r\n${a}\r\n`);
  return Buffer.from(`*${args.length}\r\n${parts.join('')}`, 'latin1');
}

function walk(input: Buffer, splits: number[], bigCommandBytes = 1e9): Recorder {
  const sink = new Recorder();
  const walker = new CommandWalker(sink, { bigCommandBytes, offset: 1000 });
  let from = 0;
  for (const to of [...splits, input.length]) {
    // a fresh copy, wiped afterwards: a view kept too long shows
    const slice = Buffer.from(input.subarray(from, to));
    walker.write(slice, 0, slice.length);
    slice.fill(0);
    from = to;
  }
  expect(walker.offset).toBe(1000 + input.length);
  expect(walker.atBoundary).toBe(true);
  return sink;
}

const stream = Buffer.concat([
  frame(['SELECT', '0']),
  Buffer.from('\n'),
  frame(['SET', 'key', 'a value\r\nwith\0anything']),
  frame(['PING']),
  Buffer.from('\r\n'),
  frame(['MSET', 'a', '', 'b', '$3\r\nx', 'c', '*1\r\n']),
  frame(['XADD', 's', '1-1', 'field', 'v'.repeat(300)]),
]);
const expected = walk(stream, []).commands;

describe('CommandWalker', () => {
  it('gives every command with its offsets', () => {
    expect(expected.map((c) => c.args[0])).toEqual(['SELECT', 'SET', 'PING', 'MSET', 'XADD']);
    expect(expected[0]?.offset).toBe(1000);
    expect(expected[1]?.offset).toBe(1000 + frame(['SELECT', '0']).length + 1);
    expect(expected.at(-1)?.endOffset).toBe(1000 + stream.length);
  });

  it.each([
    ['whole', 1e9],
    ['as big commands from 8 bytes on', 8],
    ['as big commands from 40 bytes on', 40],
  ])('gives the same split at every position, byte by byte, and with two splits (%s)', (_, limit) => {
    for (let at = 0; at <= stream.length; at++) {
      expect(walk(stream, [at], limit).commands).toEqual(expected);
    }
    const each = Array.from({ length: stream.length }, (_, i) => i);
    expect(walk(stream, each, limit).commands).toEqual(expected);
    fc.assert(
      fc.property(fc.array(fc.nat(stream.length), { maxLength: 6 }), (splits) => {
        expect(
          walk(
            stream,
            splits.sort((a, b) => a - b),
            limit,
          ).commands,
        ).toEqual(expected);
      }),
      { numRuns: 300 },
    );
  });

  it('passes a command larger than the limit on while it arrives', () => {
    const sink = walk(frame(['SET', 'k', 'x'.repeat(5000)]), [2000, 4000], 1000);
    expect(sink.bigCommands).toBe(1);
  });

  it('stays linear in the input for a command of many arguments in small slices', () => {
    const many = frame(['DEL', ...Array.from({ length: 200_000 }, (_, i) => `key:${i}`)]);
    const sink = {
      command: () => {},
      bigCommand: () => {},
      bigCommandPart: () => {},
      bigCommandEnd: () => {},
    };
    const walker = new CommandWalker(sink, { bigCommandBytes: 1e9 });
    const begin = process.cpuUsage();
    for (let at = 0; at < many.length; at += 100) walker.write(many, at, Math.min(at + 100, many.length));
    expect(walker.atBoundary).toBe(true);
    // Some 50 ms; a walk that begins anew with each slice takes minutes.
    expect(process.cpuUsage(begin).user / 1000).toBeLessThan(2000);
  });

  it.each([
    ['+OK\r\n', 0],
    ['*0\r\n', 0],
    ['*1\r\n:3\r\n', 4],
    ['*1\r\n$3\r\nabcd\r\n', 11],
    ['*1\r\n$-1\r\n', 0],
    ['*99999999999999999999\r\n', 1],
    ['*1x\r\n', 2],
  ])('refuses %j with the offset', (text, offset) => {
    const input = Buffer.from(text);
    let error: unknown;
    try {
      new CommandWalker(new Recorder(), { bigCommandBytes: 100 }).write(input, 0, input.length);
    } catch (e) {
      error = e;
    }
    expect(error).toBeInstanceOf(FormatError);
    expect((error as FormatError).offset).toBe(offset);
  });

  it('throws nothing but FormatError at random bytes, in bounded memory', () => {
    const pieces = fc.constantFrom('*', '$', '\r\n', '1', '3', '999999', 'SET', '\n', '-', 'x');
    const input = fc.oneof(
      fc.uint8Array({ maxLength: 200 }).map((a) => Buffer.from(a)),
      fc.array(pieces, { maxLength: 40 }).map((a) => Buffer.from(a.join(''))),
    );
    fc.assert(
      fc.property(input, fc.nat(200), (bytes, at) => {
        try {
          const sink: StreamSink = { command() {}, bigCommand() {}, bigCommandPart() {}, bigCommandEnd() {} };
          const walker = new CommandWalker(sink, { bigCommandBytes: 64 });
          walker.write(bytes, 0, Math.min(at, bytes.length));
          walker.write(bytes, Math.min(at, bytes.length), bytes.length);
        } catch (e) {
          expect(e).toBeInstanceOf(FormatError);
        }
      }),
      { numRuns: 3000 },
    );
  });
});
