import { describe, expect, it } from 'vitest';
import { FakeConnection } from '../../../test/support/fake-connection.ts';
import { NaruError } from '../../errors/errors.ts';
import type { Connection } from '../../net/connection.ts';
import { Kind } from './in-flight.ts';
import { Lane } from './lane.ts';

interface Setup {
  lane: Lane;
  fake: FakeConnection;
  acked: [offset: number, checkpointed: boolean][];
  failures: NaruError[];
}

function setup(exact: boolean, skipExisting = false): Setup {
  const acked: Setup['acked'] = [];
  const failures: NaruError[] = [];
  const lane = new Lane(
    {
      inFlightBytes: 1024,
      checkpointKey: 'ck',
      checkpointAt: (offset, db) => `${offset}/${db}`,
      skipExisting,
      moduleRefused: () => {},
    },
    {
      onAcked: (offset, _db, checkpointed) => acked.push([offset, checkpointed]),
      onFailure: (error) => failures.push(error),
    },
  );
  const fake = new FakeConnection();
  lane.attach(fake as unknown as Connection, exact, 0, 0);
  return { lane, fake, acked, failures };
}

function give(lane: Lane, offset: number, kind: Kind, ...args: string[]): void {
  const output = lane.begin(0);
  output.begin(args.length);
  for (const arg of args) output.argText(arg);
  lane.end(kind, kind === Kind.PART ? 0 : 1, offset - 1);
  lane.reached(offset, 0);
}

const command = (lane: Lane, offset: number, ...args: string[]): void =>
  give(lane, offset, Kind.COMMAND, ...args);
const entry = (lane: Lane, offset: number, ...args: string[]): void =>
  give(lane, offset, Kind.ENTRY, ...args);

describe('a lane in transactions', () => {
  it('commits with the checkpoint, and holds the next EXEC until the one before is answered', () => {
    const { lane, fake, acked } = setup(true);
    command(lane, 10, 'INCR', 'a');
    lane.breathe(false);
    expect(fake.take()).toEqual(['MULTI', 'SELECT 0', 'INCR a', 'SET ck 10/0', 'EXEC']);
    command(lane, 20, 'INCR', 'b');
    lane.breathe(true);
    expect(fake.take()).toEqual(['MULTI', 'INCR b']);
    fake.answer('+OK', '+QUEUED', '+QUEUED', '+QUEUED');
    expect(acked).toEqual([]);
    fake.answer('*3\r\n+OK\r\n:1\r\n+OK');
    expect(acked).toEqual([[10, true]]);
    expect(fake.take()).toEqual(['SET ck 20/0', 'EXEC']);
    expect(lane.counters.commands).toBe(1);
  });

  it('never sends the EXEC behind a refused transaction', () => {
    const { lane, fake, acked, failures } = setup(true);
    command(lane, 10, 'INCR', 'a');
    lane.breathe(true);
    command(lane, 20, 'INCR', 'b');
    lane.breathe(true);
    fake.take();
    fake.answer('+OK', '+QUEUED', "-OOM command not allowed when used memory > 'maxmemory'.");
    expect(failures.map((error) => error.code)).toEqual(['TARGET_OUT_OF_MEMORY']);
    fake.answer('+QUEUED', '-EXECABORT Transaction discarded');
    lane.breathe(true);
    expect(fake.destroyed).toBe(true);
    expect(fake.take()).toEqual([]);
    expect(acked).toEqual([]);
    expect(failures).toHaveLength(1);
  });

  it('keeps a transaction of the source whole', () => {
    const { lane, fake } = setup(true);
    lane.hold(true);
    command(lane, 10, 'INCR', 'a');
    lane.breathe(true);
    expect(fake.take()).toEqual(['MULTI', 'SELECT 0', 'INCR a']);
    command(lane, 20, 'INCR', 'b');
    lane.hold(false);
    lane.breathe(true);
    expect(fake.take()).toEqual(['INCR b', 'SET ck 20/0', 'EXEC']);
  });

  it('commits nothing in the middle of a command, also when an answer comes then', () => {
    const { lane, fake } = setup(true);
    command(lane, 10, 'INCR', 'a');
    lane.breathe(true);
    fake.take();
    const output = lane.begin(0);
    output.begin(2);
    output.argText('DEL');
    fake.answer('+OK', '+QUEUED', '+QUEUED', '+QUEUED', '*3\r\n+OK\r\n:1\r\n+OK');
    lane.breathe(true);
    expect(fake.take()).toEqual(['MULTI']);
    output.argText('k');
    lane.end(Kind.COMMAND, 1, 10);
    lane.reached(20, 0);
    lane.breathe(true);
    expect(fake.take()).toEqual(['DEL k', 'SET ck 20/0', 'EXEC']);
  });

  it('acknowledges bytes that had nothing to write, without a checkpoint', () => {
    const { lane, fake, acked } = setup(true);
    lane.reached(10, 0);
    lane.breathe(true);
    expect(fake.take()).toEqual([]);
    expect(acked).toEqual([[10, false]]);
    expect(lane.isDrained).toBe(true);
  });

  it('counts what it skipped with the transaction that is acknowledged', () => {
    const { lane, fake, acked } = setup(true, true);
    entry(lane, 10, 'RESTORE', 'a');
    entry(lane, 20, 'RESTORE', 'b');
    give(lane, 30, Kind.RENAME_NEW, 'RENAMENX', 'p', 'c');
    lane.breathe(true);
    fake.answer('+OK', '+QUEUED', '+QUEUED', '+QUEUED', '+QUEUED', '+QUEUED');
    fake.answer('*5\r\n+OK\r\n-BUSYKEY Target key name already exists.\r\n+OK');
    expect(lane.counters).toMatchObject({ keys: 0, skipped: 0 });
    fake.answer(':0', '+OK');
    expect(lane.counters).toMatchObject({ keys: 1, skipped: 2 });
    expect(acked).toEqual([[30, true]]);
  });

  it('a key or a function library that exists is an error where none may', () => {
    for (const [kind, reply] of [
      [Kind.ENTRY, '-BUSYKEY Target key name already exists.'],
      [Kind.RENAME_NEW, ':0'],
      [Kind.RENAME_EXPIRING, ':0'],
      [Kind.FUNCTION, '-ERR Library lib already exists'],
    ] as const) {
      const { lane, fake, failures } = setup(true);
      give(lane, 10, kind, 'X');
      lane.breathe(true);
      fake.answer('+OK', '+QUEUED', '+QUEUED', '+QUEUED', `*3\r\n+OK\r\n${reply}\r\n+OK`);
      expect(failures.map((error) => error.code)).toEqual(['KEY_EXISTS']);
      expect(fake.destroyed).toBe(true);
    }
  });

  it('knows what each answer of a full transaction is for while the next one fills', () => {
    const { lane, fake, failures } = setup(true, true);
    const many = 45_000;
    entry(lane, 1, 'RESTORE', 'first');
    lane.breathe(true);
    for (let i = 0; i < many; i++) entry(lane, 2 + i, 'RESTORE', 'k');
    lane.breathe(true);
    fake.take();
    fake.answer('+OK', '+QUEUED', '+QUEUED', '+QUEUED', '*3\r\n+OK\r\n+OK\r\n+OK');
    for (let i = 0; i < many + 2; i++) fake.answer('+QUEUED');
    for (let i = 0; i < many; i++) entry(lane, 2 + many + i, 'RESTORE', 'k');
    lane.breathe(false);
    // Those of the transaction that is being answered: MULTI, SELECT is not needed again, `many` entries, the checkpoint.
    fake.answer(`*${many + 1}`);
    for (let i = 0; i < many; i++) fake.answer('-BUSYKEY Target key name already exists.');
    fake.answer('+OK');
    expect(failures).toEqual([]);
    expect(lane.counters).toMatchObject({ keys: 1, skipped: many });
  });

  it('a nil for EXEC is a failure', () => {
    const { lane, fake, failures } = setup(true);
    command(lane, 10, 'INCR', 'a');
    lane.breathe(true);
    fake.answer('+OK', '+QUEUED', '+QUEUED', '+QUEUED', '*-1');
    expect(failures).toHaveLength(1);
  });
});

describe('a lane without transactions', () => {
  it('writes a checkpoint only for what the target has answered', () => {
    const { lane, fake, acked, failures } = setup(false);
    entry(lane, 10, 'MSET', 'a', '1');
    lane.breathe(true);
    expect(fake.take()).toEqual(['SELECT 0', 'MSET a 1']);
    entry(lane, 20, 'MSET', 'b', '2');
    lane.breathe(true);
    expect(fake.take()).toEqual(['MSET b 2']);
    fake.answer('+OK', '+OK');
    expect(fake.take()).toEqual(['SET ck 10/0']);
    expect(acked).toEqual([]);
    fake.answer("-OOM command not allowed when used memory > 'maxmemory'.");
    expect(failures.map((error) => error.code)).toEqual(['TARGET_OUT_OF_MEMORY']);
    expect(fake.take()).toEqual([]);
  });

  it('acknowledges with the answer to the checkpoint, and drains', async () => {
    const { lane, fake, acked } = setup(false);
    entry(lane, 10, 'MSET', 'a', '1');
    const drained = lane.drained();
    fake.answer('+OK', '+OK');
    expect(acked).toEqual([]);
    expect(lane.isDrained).toBe(false);
    fake.answer('+OK');
    await drained;
    expect(acked).toEqual([[10, true]]);
    expect(lane.counters.keys).toBe(1);
  });

  it('begins anew on another connection', () => {
    const { lane, fake, acked } = setup(false);
    entry(lane, 10, 'MSET', 'a', '1');
    lane.breathe(true);
    lane.fail(new NaruError('LINK_LOST', 'cut'));
    fake.answer('+OK');
    entry(lane, 20, 'MSET', 'lost', '1');
    lane.breathe(true);
    const next = new FakeConnection();
    lane.attach(next as unknown as Connection, false, 0, 0);
    entry(lane, 10, 'MSET', 'a', '1');
    lane.breathe(true);
    expect(next.take()).toEqual(['SELECT 0', 'MSET a 1']);
    next.answer('+OK', '+OK', '+OK');
    expect(acked).toEqual([[10, true]]);
  });
});
