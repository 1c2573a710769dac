import { describe, expect, it } from 'vitest';
import { FakeConnection } from '../../../../test/support/fake-connection.ts';
import type { NaruError } from '../../../errors/errors.ts';
import type { Connection } from '../../../net/connection.ts';
import { SLOTS } from '../../../net/topology/slot.ts';
import { KeyFinder } from '../../../pipeline/keys/key-finder.ts';
import { KeyTable } from '../../../pipeline/keys/key-table.ts';
import { Losses } from '../../losses.ts';
import { dialectOf } from '../dialect.ts';
import { ClusterTarget } from './cluster-target.ts';

/** One node with all slots, behind the offset 100. */
function made() {
  const connection = new FakeConnection();
  const acked: number[] = [];
  const failures: NaruError[] = [];
  const target = new ClusterTarget(
    {
      inFlightBytes: 1e6,
      onConflict: 'overwrite',
      job: 'job',
      bigEntryBytes: 1e6,
      dialect: dialectOf('redis', '7.0.15'),
      losses: new Losses({ lossy: false, target: 't', node: 't', onFirst: () => {} }),
      keys: new KeyFinder(KeyTable.builtIn()),
      slots: true,
      databases: false,
      passes: () => true,
      slotsRest: () => Promise.resolve(true),
      holdEntry: () => {},
    },
    { onAcked: (offset) => acked.push(offset), onFailure: (error) => failures.push(error) },
  );
  const nodes = [{ id: 'a', connection: connection as unknown as Connection }];
  target.attach(nodes, new Int16Array(SLOTS), new Set(), 100, 0);
  return { connection, target, acked, failures };
}

describe('ClusterTarget', () => {
  it('is not drained before a value is answered that was written at a place which is acknowledged', async () => {
    const { connection, target, acked } = made();
    target.reached(120, 0);
    target.breathe(true);
    expect([acked, target.isDrained]).toEqual([[120], true]);
    // What was read again, and gone: no byte of the source stands behind it.
    target.remove(Buffer.from('k'), 0, 110);
    expect(target.isDrained).toBe(false);
    let over = false;
    const drained = target.drained().then(() => {
      over = true;
    });
    await Promise.resolve();
    expect([connection.take(), over, acked]).toEqual([['UNLINK k'], false, [120]]);
    connection.answer(':1');
    await drained;
    expect([acked, target.isDrained]).toEqual([[120, 120], true]);
  });

  it('acknowledges nothing once something was not done, and waits for what is under way', async () => {
    const { connection, target, acked, failures } = made();
    for (const key of ['a', 'b', 'c']) target.remove(Buffer.from(key), 0, 150);
    target.reached(150, 0);
    target.breathe(true);
    connection.answer(':1', '-MOVED 7 127.0.0.1:1');
    expect([failures.map(({ code }) => code), acked]).toEqual([['TARGET_MOVED'], []]);
    const settled = target.settled();
    connection.answer(':1');
    const undone = await settled;
    expect([undone.has(150, 3), undone.has(149, 3)]).toEqual([true, false]);
    // Goes on behind that: what was written before it counts for nothing.
    target.attach([{ id: 'a', connection: undefined }], new Int16Array(SLOTS), new Set(), 150, 0);
    target.breathe(true);
    expect([acked, target.isDrained]).toEqual([[150], true]);
    target.remove(Buffer.from('b'), 0, 150);
    target.breathe(true);
    expect([acked, target.isDrained]).toEqual([[150], false]);
    connection.answer(':1');
    expect([acked, target.isDrained]).toEqual([[150, 150], true]);
  });
});
