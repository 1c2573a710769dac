import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type CommandView, CommandWalker } from './command-walker.ts';
import { BLOCK_BYTES, Output, RUN_PAIRS_MAX, writeDecimal } from './output.ts';

/** Everything that an output hands over, as commands. Blocks are wiped when they are given back: a block used too early shows. */
function collect(): { output: Output; commands: () => string[][] } {
  const parts: Buffer[] = [];
  const output = new Output((bytes, done) => {
    parts.push(Buffer.from(bytes));
    bytes.fill(0);
    done();
  });
  const commands = (): string[][] => {
    output.flush();
    const found: string[][] = [];
    const walker = new CommandWalker(
      {
        command: (c: CommandView) => found.push(Array.from({ length: c.argc }, (_, i) => c.text(i))),
        bigCommand: () => {},
        bigCommandPart: () => {},
        bigCommandEnd: () => {},
      },
      { bigCommandBytes: 1e9 },
    );
    const all = Buffer.concat(parts);
    walker.write(all, 0, all.length);
    expect(walker.atBoundary).toBe(true);
    return found;
  };
  return { output, commands };
}

function pair(output: Output, key: string, value: string): void {
  const bytes = key.length + value.length + 64;
  if (!output.runHasRoom(bytes)) {
    if (output.runPairs > 0) output.finishRun();
    output.beginRun(bytes);
  }
  output.arg(Buffer.from(key, 'latin1'), 0, key.length);
  output.arg(Buffer.from(value, 'latin1'), 0, value.length);
  output.pairDone();
}

describe('Output', () => {
  it('writes commands that span blocks', () => {
    const { output, commands } = collect();
    const large = 'x'.repeat(BLOCK_BYTES * 2 + 77);
    output.begin(3);
    output.argText('SET');
    output.arg(Buffer.from('key'), 0, 3);
    output.argLength(large.length);
    for (let at = 0; at < large.length; at += 1000) {
      const part = Buffer.from(large.slice(at, at + 1000));
      output.argPart(part, 0, part.length);
    }
    output.begin(2);
    output.argText('GET');
    output.argLength(0);
    expect(commands()).toEqual([
      ['SET', 'key', large],
      ['GET', ''],
    ]);
  });

  it('refuses an argument that gets more bytes than its length', () => {
    const { output } = collect();
    output.argLength(2);
    expect(() => output.argPart(Buffer.from('abc'), 0, 3)).toThrow(RangeError);
  });

  it.each([1, 2, 4, 5, 49, 50, RUN_PAIRS_MAX, RUN_PAIRS_MAX + 1])('makes MSETs of %i pairs', (pairs) => {
    const { output, commands } = collect();
    output.begin(1);
    output.argText('PING');
    for (let i = 0; i < pairs; i++) pair(output, `key:${i}`, `value ${i}\r\n`);
    output.finishRun();
    output.begin(1);
    output.argText('PING');
    const [first, ...rest] = commands();
    expect(first).toEqual(['PING']);
    expect(rest.pop()).toEqual(['PING']);
    expect(rest.every((command) => command[0] === 'MSET')).toBe(true);
    expect(rest.flatMap((command) => command.slice(1))).toEqual(
      Array.from({ length: pairs }, (_, i) => [`key:${i}`, `value ${i}\r\n`]).flat(),
    );
  });

  it('gives the same commands whatever their sizes are (random)', () => {
    const text = fc.integer({ min: 0, max: 4000 }).map((n) => 'v'.repeat(n));
    const step = fc.oneof(
      fc.record({
        kind: fc.constant('pair' as const),
        key: fc.string({ maxLength: 30, unit: 'binary-ascii' }),
        text,
      }),
      fc.record({
        kind: fc.constant('set' as const),
        key: fc.string({ maxLength: 30, unit: 'binary-ascii' }),
        text,
      }),
      fc.record({ kind: fc.constant('flush' as const), key: fc.constant(''), text: fc.constant('') }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
        const { output, commands } = collect();
        const expected: string[] = [];
        for (const { kind, key, text: value } of steps) {
          if (kind === 'pair') {
            pair(output, key, value);
          } else {
            if (output.runPairs > 0) output.finishRun();
            if (kind === 'flush') {
              output.flush();
              continue;
            }
            output.begin(3);
            output.argText('SET');
            output.arg(Buffer.from(key), 0, key.length);
            output.arg(Buffer.from(value), 0, value.length);
          }
          expected.push(key, value);
        }
        if (output.runPairs > 0) output.finishRun();
        expect(commands().flatMap((command) => command.slice(1))).toEqual(expected);
      }),
      { numRuns: 200 },
    );
  });
});

describe('writeDecimal', () => {
  it.each([0, 9, 10, 99, 100, 4_294_967_296, Number.MAX_SAFE_INTEGER])('writes %i', (value) => {
    const block = Buffer.alloc(20);
    expect(block.toString('latin1', 0, writeDecimal(block, 0, value))).toBe(String(value));
  });
});
