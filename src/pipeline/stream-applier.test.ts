import { describe, expect, it } from 'vitest';
import { isNaruError } from '../errors/errors.ts';
import { type CommandView, CommandWalker } from '../protocol/resp/command-walker.ts';
import { Output } from '../protocol/resp/output.ts';
import type { RawCommandSink, Target } from '../target/target.ts';
import type { Recopier } from './recopy/recopier.ts';
import { StreamApplier, type StreamApplierOptions } from './stream-applier.ts';

const ARRIVAL_MS = 1_000_000;

/** A target that only keeps what it is told, as text. */
class Recorder {
  readonly told: string[] = [];
  #parts: Buffer[] = [];
  readonly #output = new Output((bytes, done) => {
    this.#parts.push(Buffer.from(bytes));
    done();
  });

  target(): Target {
    const command: Target['command'] = (c, db) => {
      this.told.push(`${db}> ${Array.from({ length: c.argc }, (_, i) => c.text(i)).join(' ')}`);
    };
    let db = 0;
    return {
      command,
      set: (c: CommandView, to: number) => {
        this.told.push(`${to}> SET ${c.text(1)} ${c.text(2)}`);
      },
      beginWrite: (to: number): RawCommandSink => {
        db = to;
        this.#parts = [];
        return this.#output;
      },
      endWrite: () => {
        this.#output.flush();
        const bytes = Buffer.concat(this.#parts);
        const sink = { command: (c: Parameters<Target['command']>[0]) => command(c, db), ...NO_BIG };
        new CommandWalker(sink, { bigCommandBytes: 1e9 }).write(bytes, 0, bytes.length);
      },
      hold: (on: boolean) => this.told.push(on ? 'hold' : 'release'),
      reached: (offset: number, to: number) => this.told.push(`reached ${offset} db ${to}`),
    } as unknown as Target;
  }
}
const NO_BIG = { bigCommand: () => {}, bigCommandPart: () => {}, bigCommandEnd: () => {} };

function apply(
  commands: string[],
  options: Partial<StreamApplierOptions> = {},
  bigCommandBytes = 1e9,
): string[] {
  const recorder = new Recorder();
  const applier = new StreamApplier(recorder.target(), {
    publish: false,
    functions: true,
    protectTarget: false,
    checkpointKey: 'naru:checkpoint:test',
    arrivalMs: () => ARRIVAL_MS,
    onGetAck: (offset) => recorder.told.push(`getack ${offset}`),
    ...options,
  });
  const walker = new CommandWalker(applier, { bigCommandBytes });
  for (const text of commands) {
    const args = text.split(' ');
    const frame = Buffer.from(`*${args.length}\r\n${args.map((a) => `$${a.length}\r\n${a}\r\n`).join('')}`);
    // A command counts as large only where it does not lie whole in one slice.
    const slice = bigCommandBytes < 1e9 ? 40 : frame.length;
    for (let at = 0; at < frame.length; at += slice)
      walker.write(frame, at, Math.min(at + slice, frame.length));
  }
  return recorder.told;
}

const written = (told: string[]): string[] => told.filter((line) => /^\d+>/.test(line));

describe('StreamApplier', () => {
  it.each([
    ['SET k v', 'SET k v'],
    ['set k v EX 10', 'set k v PXAT 1010000'],
    ['SET k v px 5 NX', 'SET k v PXAT 1000005 NX'],
    ['SET k v PXAT 123', 'SET k v PXAT 123'],
    ['SET k v KEEPTTL', 'SET k v KEEPTTL'],
    ['SETEX k 10 v', 'SET k v PXAT 1010000'],
    ['PSETEX k 10 v', 'SET k v PXAT 1000010'],
    ['EXPIRE k 2', 'PEXPIREAT k 1002000'],
    ['expire k 2 GT', 'PEXPIREAT k 1002000 GT'],
    ['PEXPIRE k 2', 'PEXPIREAT k 1000002'],
    ['EXPIRE k -5000', 'PEXPIREAT k 1'],
    ['PEXPIREAT k 99', 'PEXPIREAT k 99'],
    ['EXPIREAT k 99', 'EXPIREAT k 99'],
    ['GETEX k EX 3', 'GETEX k PXAT 1003000'],
    ['GETEX k PERSIST', 'GETEX k PERSIST'],
    ['HEXPIRE k 3 FIELDS 1 f', 'HPEXPIREAT k 1003000 FIELDS 1 f'],
    ['HPEXPIRE k 3 NX FIELDS 1 EX', 'HPEXPIREAT k 1000003 NX FIELDS 1 EX'],
    ['HSETEX k EX 3 FIELDS 1 EX 7', 'HSETEX k PXAT 1003000 FIELDS 1 EX 7'],
    ['HSETEX k FIELDS 1 EX 7', 'HSETEX k FIELDS 1 EX 7'],
    ['RESTORE k 5 payload', 'RESTORE k 1000005 payload ABSTTL'],
    ['RESTORE k 5 payload REPLACE', 'RESTORE k 1000005 payload REPLACE ABSTTL'],
    ['RESTORE k 5 payload ABSTTL', 'RESTORE k 5 payload ABSTTL'],
    ['RESTORE k 0 payload', 'RESTORE k 0 payload'],
    ['RESTORE-ASKING k 0 payload REPLACE', 'RESTORE k 0 payload REPLACE'],
    ['XADD k IDMP p i 5-1 f v', 'XADD k 5-1 f v'],
    ['xadd k NOMKSTREAM ACKED idmpauto p 5-1 IDMP v', 'xadd k NOMKSTREAM ACKED 5-1 IDMP v'],
    ['XADD k MAXLEN = 2 IDMP p i 5-1 f v', 'XADD k MAXLEN = 2 5-1 f v'],
    ['XADD k MINID 7 LIMIT 3 IDMPAUTO IDMP 5-1 f v', 'XADD k MINID 7 LIMIT 3 5-1 f v'],
    ['XADD k MAXLEN ~ 2 5-1 IDMP v', 'XADD k MAXLEN ~ 2 5-1 IDMP v'],
    ['XADD k 5-1 IDMP v', 'XADD k 5-1 IDMP v'],
    ['FLUSHALL SYNC', 'FLUSHALL SYNC'],
    ['UNLINK a b', 'UNLINK a b'],
    ['INCR k', 'INCR k'],
    ['SETRANGE k 5 EX', 'SETRANGE k 5 EX'],
  ])('%s -> %s', (command, expected) => {
    expect(written(apply([command]))).toEqual([`0> ${expected}`]);
  });

  it.each([
    ['SETEX k 10 v', ['SET k v', 'PEXPIREAT k 1010000']],
    ['PSETEX k 10 v', ['SET k v', 'PEXPIREAT k 1000010']],
    ['SET k v EX 10 NX', ['SET k v NX', 'PEXPIREAT k 1010000']],
    ['set k v XX px 5', ['SET k v XX', 'PEXPIREAT k 1000005']],
    ['SET k EX', ['SET k EX']],
    ['FLUSHALL SYNC', ['FLUSHALL']],
    ['FLUSHDB ASYNC', ['FLUSHDB']],
    ['FLUSHALL', ['FLUSHALL']],
    ['UNLINK a b c', ['DEL a b c']],
    ['del a b', ['del a b']],
  ])('%s for a target whose SET does not know PXAT', (command, expected) => {
    expect(written(apply([command], { setTakesPxat: false }))).toEqual(expected.map((line) => `0> ${line}`));
  });

  it('leaves out an XADD that an idempotent producer repeated', () => {
    const commands = ['XADD k IDMP p i * f v', 'XADD k IDMPAUTO p MAXLEN ~ 9 * f v'];
    expect(written(apply(commands))).toEqual([]);
    expect(written(apply(['XADD k * IDMP p']))).toEqual(['0> XADD k * IDMP p']);
  });

  it('makes the expiry of a command too large to hold absolute by a command behind it', () => {
    const large = 'x'.repeat(200);
    for (const [command, atMs] of [
      [`SET k ${large} EX 10`, 1_010_000],
      [`SETEX k 10 ${large}`, 1_010_000],
      [`RESTORE k 7 ${large} REPLACE`, 1_000_007],
    ] as const) {
      expect(written(apply([command], {}, 50))).toEqual([`0> ${command}`, `0> PEXPIREAT k ${atMs}`]);
    }
    expect(written(apply([`RESTORE k 7 ${large} ABSTTL`], {}, 50))).toHaveLength(1);
    expect(written(apply([`SET k ${large}`], {}, 50))).toHaveLength(1);
  });

  it('keeps the database, and says where it got to after each command', () => {
    expect(apply(['SELECT 3', 'INCR a', 'PING'])).toEqual([
      'reached 23 db 3',
      '3> INCR a',
      'reached 44 db 3',
      'reached 58 db 3',
    ]);
  });

  it('gets nowhere inside of a transaction of the source', () => {
    const told = apply(['MULTI', 'INCR a', 'SELECT 2', 'INCR b', 'EXEC']);
    expect(told.slice(0, -1)).toEqual(['hold', '0> INCR a', '2> INCR b', 'release']);
    expect(told.at(-1)).toMatch(/^reached \d+ db 2$/);
  });

  it('leaves out PUBLISH and, where wanted, FUNCTION; small and large alike', () => {
    const commands = ['PUBLISH c m', 'FUNCTION LOAD x', `publish c ${'m'.repeat(100)}`];
    expect(written(apply(commands, { functions: false }, 60))).toEqual([]);
    expect(written(apply(commands, { publish: true }, 60))).toHaveLength(3);
  });

  it('answers GETACK, and nothing else of REPLCONF', () => {
    expect(
      apply(['REPLCONF GETACK *', 'REPLCONF x y']).filter((line) => line.startsWith('getack')),
    ).toHaveLength(1);
  });

  it('takes the checkpoint out of the way of SWAPDB', () => {
    expect(written(apply(['SELECT 4', 'SWAPDB 0 4']))).toEqual([
      '0> DEL naru:checkpoint:test',
      '4> SWAPDB 0 4',
    ]);
  });

  it('refuses a FLUSHALL where the target holds keys of its own', () => {
    expect(written(apply(['FLUSHALL']))).toEqual(['0> FLUSHALL']);
    let error: unknown;
    try {
      apply(['flushdb async'], { protectTarget: true });
    } catch (e) {
      error = e;
    }
    expect(isNaruError(error) && error.code).toBe('FLUSH_REFUSED');
  });

  it('waits for a FLUSHALL in a transaction, too, where it shares the target: what stands before it is one of its own', () => {
    const shared = { removeKeys: () => Promise.resolve(), endsTransactions: true };
    const told = apply(['MULTI', 'INCR a', 'FLUSHALL', 'INCR b', 'EXEC'], { shared });
    expect(told).toEqual(['hold', '0> INCR a', 'release', `reached ${15 + 21} db 0`]);
  });

  it('tells from where on keys may yet be found, and what the target may have acknowledged, while it goes over what was done', () => {
    const settled: [number, boolean][] = [];
    const recopier = {
      checkKeyless: () => {},
      wasUndone: () => false,
      settle: (offset: number, again: boolean) => settled.push([offset, again]),
    };
    const applier = new StreamApplier(new Recorder().target(), {
      publish: false,
      functions: true,
      protectTarget: false,
      checkpointKey: 'naru:checkpoint:test',
      arrivalMs: () => ARRIVAL_MS,
      onGetAck: () => {},
      recopier: recopier as unknown as Recopier,
    });
    const walker = new CommandWalker(applier, { bigCommandBytes: 1e9 });
    const ping = Buffer.from('*1\r\n$4\r\nPING\r\n');
    const behind = (count: number): number => 100 + count * ping.length;
    walker.restart(100);
    applier.restart(100, 0, behind(2));
    walker.write(ping, 0, ping.length);
    expect(applier.looksFrom).toBe(100);
    walker.write(ping, 0, ping.length);
    expect(applier.looksFrom).toBe(Number.POSITIVE_INFINITY);
    walker.write(ping, 0, ping.length);
    expect(settled).toEqual([
      [behind(1), true],
      [behind(2), true],
      [behind(3), false],
    ]);
  });
});
