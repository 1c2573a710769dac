import { describe, expect, it } from 'vitest';
import { FakeConnection } from '../../../../test/support/fake-connection.ts';
import type { NaruError } from '../../../errors/errors.ts';
import type { Connection } from '../../../net/connection.ts';
import { Kind } from '../in-flight.ts';
import { PlainLane } from './plain-lane.ts';

function made(options: { skipExisting?: boolean; selects?: boolean } = {}) {
  const connection = new FakeConnection();
  const undone: [number, string][] = [];
  const failures: NaruError[] = [];
  const lane = new PlainLane(
    { inFlightBytes: 1e6, skipExisting: false, selects: false, moduleRefused: () => {}, ...options },
    {
      onProgress: () => {},
      onUndone: (offset, text) => undone.push([offset, text]),
      onFailure: (error) => failures.push(error),
    },
  );
  lane.attach(connection as unknown as Connection);
  const write = (offset: number, kind: Kind, ...args: string[]): void => {
    const output = lane.begin(3);
    output.begin(args.length);
    for (const arg of args) output.argText(arg);
    lane.end(kind, 1, offset);
  };
  return { connection, undone, failures, lane, write };
}

describe('PlainLane', () => {
  it('knows what was answered, and counts it', () => {
    const { connection, lane, write } = made();
    write(10, Kind.COMMAND, 'INCR', 'a');
    write(20, Kind.ENTRY, 'RESTORE', 'b');
    lane.breathe();
    expect(connection.take()).toEqual(['INCR a', 'RESTORE b']);
    connection.answer(':1');
    expect([lane.answered, lane.written, lane.lostFrom]).toEqual([1, 2, 20]);
    connection.answer('+OK');
    expect([lane.answered, lane.lostFrom, lane.answeredTo]).toEqual([2, undefined, 20]);
    expect(lane.counters).toMatchObject({ commands: 1, keys: 1 });
  });

  it('selects the database only where there are several', () => {
    const { connection, lane, write } = made({ selects: true });
    write(10, Kind.COMMAND, 'INCR', 'a');
    write(20, Kind.COMMAND, 'INCR', 'b');
    lane.breathe();
    expect(connection.take()).toEqual(['SELECT 3', 'INCR a', 'INCR b']);
  });

  it('is refused before a command is sent whole: the server takes none of it', () => {
    const { connection, failures, lane } = made();
    lane.breathe();
    connection.answer('-ERR Protocol error: invalid bulk length');
    expect(failures).toMatchObject([
      {
        code: 'TARGET_REJECTED',
        message: 'The target refused what it was sent: ERR Protocol error: invalid bulk length',
      },
    ]);
  });

  it('tells what the node did not do, and goes on', () => {
    const { connection, undone, failures, lane, write } = made();
    write(10, Kind.COMMAND, 'INCR', 'a');
    write(20, Kind.COMMAND, 'INCR', 'b');
    lane.breathe();
    connection.answer('-MOVED 7 127.0.0.1:2', ':1');
    expect(undone).toEqual([[10, 'MOVED 7 127.0.0.1:2']]);
    expect(failures).toEqual([]);
    expect(lane.counters.commands).toBe(1);
  });

  it('finds the results of a transaction inside the reply to EXEC', () => {
    const { connection, undone, lane, write } = made();
    lane.beginTransaction();
    write(10, Kind.COMMAND, 'INCR', 'a');
    write(20, Kind.COMMAND, 'LPUSH', 'a', 'x');
    expect(lane.atRest).toBe(false);
    lane.commit();
    lane.breathe();
    expect(connection.take()).toEqual(['MULTI', 'INCR a', 'LPUSH a x', 'EXEC']);
    connection.answer('+OK', '+QUEUED', '+QUEUED', '*2\r\n:1\r\n-WRONGTYPE not a list');
    expect(undone).toEqual([[20, 'WRONGTYPE not a list']]);
    expect(lane.answered).toBe(lane.written);
  });

  it('holds no command of a transaction for done before its EXEC is answered', () => {
    const { connection, lane, write } = made();
    write(5, Kind.COMMAND, 'INCR', 'before');
    for (const first of [10, 30]) {
      lane.beginTransaction();
      write(first, Kind.COMMAND, 'INCR', 'a');
      write(first + 10, Kind.COMMAND, 'INCR', 'a');
      lane.commit();
    }
    lane.breathe();
    connection.answer(':1', '+OK', '+QUEUED');
    expect([lane.lostFrom, lane.answeredTo]).toEqual([10, 10]);
    connection.answer('+QUEUED');
    expect([lane.lostFrom, lane.answeredTo]).toEqual([10, 10]);
    // Its results can come in pieces.
    connection.answer('*2\r\n:1');
    expect([lane.answered, lane.lostFrom]).toEqual([4, 10]);
    connection.answer(':2');
    // MULTI stands where the command before it does.
    expect([lane.answered, lane.lostFrom]).toEqual([5, 20]);
    connection.answer('+OK', '+QUEUED', '+QUEUED');
    expect(lane.lostFrom).toBe(30);
    connection.answer('*2\r\n:3\r\n:4');
    expect([lane.lostFrom, lane.answeredTo, lane.counters.commands]).toEqual([undefined, 40, 5]);
    lane.beginTransaction();
    write(50, Kind.COMMAND, 'INCR', 'a');
    lane.breathe();
    connection.answer('+OK', '+QUEUED');
    expect(lane.lostFrom).toBe(50);
  });

  it('selects the database inside a transaction too', () => {
    const { connection, failures, lane, write } = made({ selects: true });
    lane.beginTransaction();
    write(10, Kind.COMMAND, 'INCR', 'a');
    lane.commit();
    lane.breathe();
    expect(connection.take()).toEqual(['MULTI', 'SELECT 3', 'INCR a', 'EXEC']);
    connection.answer('+OK', '+QUEUED', '+QUEUED', '*2\r\n+OK\r\n:1');
    expect([failures, lane.answered - lane.written, lane.counters.commands]).toEqual([[], 0, 1]);
  });

  it('that breaks at a refusal has not done what was refused, nor what stands behind it', () => {
    const refusal = '-NOREPLICAS Not enough good replicas to write.';
    const plain = made();
    for (const offset of [10, 20, 30]) plain.write(offset, Kind.COMMAND, 'INCR', 'a');
    plain.lane.breathe();
    plain.connection.answer(':1', refusal);
    expect(plain.failures.map(({ code }) => code)).toEqual(['TARGET_UNAVAILABLE']);
    expect([plain.lane.answered, plain.lane.lostFrom]).toEqual([1, 20]);
    const last = made();
    last.write(10, Kind.COMMAND, 'INCR', 'a');
    last.lane.breathe();
    last.connection.answer(refusal);
    expect([last.lane.answered, last.lane.lostFrom]).toEqual([0, 10]);
    const { connection, failures, lane, write } = made();
    lane.beginTransaction();
    for (const offset of [10, 20, 30]) write(offset, Kind.COMMAND, 'INCR', 'a');
    lane.commit();
    lane.breathe();
    connection.answer('+OK', '+QUEUED', refusal);
    expect([failures.length, lane.lostFrom]).toEqual([1, 10]);
  });

  it('tells each command of a transaction that was not run', () => {
    const { connection, undone, lane, write } = made();
    lane.beginTransaction();
    write(10, Kind.COMMAND, 'INCR', 'a');
    write(20, Kind.COMMAND, 'INCR', 'b');
    lane.commit();
    lane.breathe();
    connection.answer('+OK', '+QUEUED', '-TRYAGAIN later', '-EXECABORT discarded');
    expect(new Set(undone.map(([offset]) => offset))).toEqual(new Set([10, 20]));
  });

  it('passes over keys that exist, or ends', () => {
    const skips = made({ skipExisting: true });
    skips.write(10, Kind.ENTRY, 'RESTORE', 'a');
    skips.lane.breathe();
    skips.connection.answer('-BUSYKEY Target key name already exists.');
    expect(skips.lane.counters).toMatchObject({ keys: 0, skipped: 1 });
    const fails = made();
    fails.write(10, Kind.ENTRY, 'RESTORE', 'a');
    fails.lane.breathe();
    fails.connection.answer('-BUSYKEY Target key name already exists.');
    expect(fails.failures[0]?.code).toBe('KEY_EXISTS');
  });

  it('breaks at a reply that nothing was asked for', () => {
    const { connection, failures } = made();
    connection.answer('+OK');
    expect(failures[0]?.code).toBe('INTERNAL');
  });
});
