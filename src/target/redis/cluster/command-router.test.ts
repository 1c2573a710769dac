import { describe, expect, it } from 'vitest';
import { viewOf } from '../../../../test/support/command-view.ts';
import { FakeConnection } from '../../../../test/support/fake-connection.ts';
import type { Connection } from '../../../net/connection.ts';
import { KeyFinder } from '../../../pipeline/keys/key-finder.ts';
import { KeyTable } from '../../../pipeline/keys/key-table.ts';
import { Losses } from '../../losses.ts';
import { CommandRouter } from './command-router.ts';
import { PlainLane } from './plain-lane.ts';

const keys = new KeyFinder(KeyTable.builtIn());

/** Two nodes: the lower half of the slots, in which `b` is (3300), and the upper one, in which `a` is (15495). */
function made({ slots = true, lossy = false } = {}) {
  const losses = new Losses({ lossy, target: 't', node: 't', onFirst: () => {} });
  const sides = [0, 1].map(() => {
    const connection = new FakeConnection();
    const lane = new PlainLane(
      { inFlightBytes: 1e6, skipExisting: false, selects: false, moduleRefused: () => {} },
      { onProgress: () => {}, onUndone: () => {}, onFailure: () => {} },
    );
    lane.attach(connection as unknown as Connection);
    return { connection, lane };
  });
  const lanes = sides.map(({ lane }) => lane) as [PlainLane, PlainLane];
  const router = new CommandRouter({
    keys,
    losses,
    passes: () => true,
    slots,
    laneOf: (slot) => lanes[slot < 8192 ? 0 : 1],
    lanes: () => lanes,
  });
  const give = (...args: string[]): void => {
    // As the stream has it: the frame is what is sent.
    const text = `*${args.length}\r\n${args.map((arg) => `$${arg.length}\r\n${arg}\r\n`).join('')}`;
    const view = viewOf(...args);
    const start = view.buf.length;
    view.buf = Buffer.concat([view.buf, Buffer.from(text)]);
    view.frameStart = start;
    view.frameEnd = view.buf.length;
    router.command(view, 0);
  };
  const sent = (): string[][] =>
    sides.map(({ connection, lane }) => {
      lane.breathe();
      return connection.take();
    });
  return { router, give, sent, lanes, losses };
}

describe('CommandRouter', () => {
  it('gives a command to the lane of its slot, and one over several slots key by key', () => {
    const { give, sent, lanes } = made();
    give('SET', 'a', '1');
    give('RENAME', '{b}1', '{b}2');
    give('MSET', 'a', '1', 'b', '2');
    give('DEL', 'a', 'b', '{b}1');
    expect(sent()).toEqual([
      ['RENAME {b}1 {b}2', 'MSET b 2', 'DEL b', 'DEL {b}1'],
      ['SET a 1', 'MSET a 1', 'DEL a'],
    ]);
    expect(lanes.map(({ counters }) => counters.split)).toEqual([0, 2]);
  });

  it('keeps a transaction one as far as it is about one slot', () => {
    const { router, give, sent } = made();
    router.hold(true);
    give('INCR', 'a');
    give('RPUSH', 'a', 'x');
    give('INCR', 'b');
    give('INCR', '{b}2');
    give('INCR', 'a');
    router.hold(false);
    give('INCR', 'a');
    const exec = (...commands: string[]): string[] => ['MULTI', ...commands, 'EXEC'];
    expect(sent()).toEqual([
      exec('INCR b', 'INCR {b}2'),
      [...exec('INCR a', 'RPUSH a x'), ...exec('INCR a'), 'INCR a'],
    ]);
  });

  it('has no transactions where keys have no slots', () => {
    const { router, give, sent } = made({ slots: false });
    router.hold(true);
    give('INCR', 'a');
    router.hold(false);
    expect(sent()[1]).toEqual(['INCR a']);
  });

  it('forgets a transaction that was broken off', () => {
    const { router, give, sent, lanes } = made();
    router.hold(true);
    give('INCR', 'a');
    sent();
    for (const lane of lanes) lane.attach(new FakeConnection() as unknown as Connection);
    router.clear();
    router.hold(false);
    give('INCR', 'b');
    expect(lanes.map((lane) => lane.inTransaction)).toEqual([false, false]);
  });

  it('has each node do what has no keys, a transaction apart, and publishes once', () => {
    const { router, give, sent } = made();
    router.hold(true);
    give('INCR', 'a');
    give('FUNCTION', 'FLUSH');
    router.hold(false);
    give('PUBLISH', 'channel', 'x');
    give('SPUBLISH', 'a', 'x');
    expect(sent()).toEqual([
      ['FUNCTION FLUSH', 'PUBLISH channel x'],
      ['MULTI', 'INCR a', 'EXEC', 'FUNCTION FLUSH', 'SPUBLISH a x'],
    ]);
  });

  it('ends the run, or counts a loss, where nobody can tell the node', () => {
    expect(() => made().give('SWAPDB', '0', '1')).toThrow(/SWAPDB has no key/);
    expect(() => made({ slots: false }).give('FUNCTION', 'FLUSH')).toThrow(/function library/);
    const { give, losses } = made({ slots: false, lossy: true });
    give('FUNCTION', 'FLUSH');
    expect(losses.total).toBe(1);
  });
});
