import { describe, expect, it } from 'vitest';
import type { RespClient } from '../../../net/client.ts';
import { ReplicaWatch } from './replica-watch.ts';

/** Answers INFO with what `replication` holds, and tells of each question. */
function node(replication: { offset: number; replicas: string[]; role: string }) {
  let destroyed: () => void = () => {};
  let asked: () => void = () => {};
  const client = {
    call: async (name: string) => {
      if (name !== 'INFO') return 0;
      asked();
      const lines = replication.replicas.map((text, at) => `slave${at}:ip=127.0.0.1,port=1,${text},lag=0`);
      return [`role:${replication.role}`, ...lines, `master_repl_offset:${replication.offset}`].join('\r\n');
    },
    connection: { destroy: () => destroyed() },
  };
  return {
    client: client as unknown as RespClient,
    asked: () =>
      new Promise<void>((resolve) => {
        asked = resolve;
      }),
    destroyed: new Promise<void>((resolve) => {
      destroyed = resolve;
    }),
  };
}

async function watched(replicas: string[]) {
  const lane = { answered: 0, answeredTo: 0 };
  const replication = { offset: 100, replicas, role: 'master' };
  const { client, asked, destroyed } = node(replication);
  let wake: () => void = () => {};
  const clock = { ms: 1_000_000 };
  const watch = new ReplicaWatch(
    client,
    lane,
    () => wake(),
    () => clock.ms,
  );
  const told = (): Promise<void> =>
    new Promise((resolve) => {
      wake = resolve;
    });
  return { lane, replication, watch, told, asked, destroyed, clock };
}

describe('ReplicaWatch', () => {
  it('counts what is answered where there are no replicas', async () => {
    const { lane, watch, told } = await watched([]);
    Object.assign(lane, { answered: 5, answeredTo: 50 });
    const answer = told();
    watch.look();
    await answer;
    expect([watch.durable, watch.durableTo]).toEqual([5, 50]);
    watch.close();
  });

  it('counts what all online replicas have', async () => {
    const { lane, replication, watch, told } = await watched([
      'state=online,offset=100',
      'state=online,offset=90',
      'state=wait_bgsave,offset=0',
    ]);
    Object.assign(lane, { answered: 5, answeredTo: 50 });
    let answer = told();
    watch.look();
    await answer;
    expect([watch.durable, watch.durableTo]).toEqual([0, 0]);
    replication.offset = 200;
    replication.replicas[1] = 'state=online,offset=150';
    replication.replicas[0] = 'state=online,offset=120';
    Object.assign(lane, { answered: 9, answeredTo: 90 });
    answer = told();
    await answer;
    expect([watch.durable, watch.durableTo]).toEqual([5, 50]);
    watch.close();
  });

  it('counts nothing of what one answers whose replicas have just gone: one of them may have taken over from it', async () => {
    const { lane, replication, watch, told, clock } = await watched(['state=online,offset=100']);
    Object.assign(lane, { answered: 5, answeredTo: 50 });
    let answer = told();
    watch.look();
    await answer;
    expect(watch.durable).toBe(5);
    replication.replicas.length = 0;
    Object.assign(lane, { answered: 9, answeredTo: 90 });
    for (const passed of [10_000, 1900]) {
      clock.ms += passed;
      answer = told();
      await answer;
      expect([watch.durable, watch.durableTo]).toEqual([5, 50]);
    }
    clock.ms += 100;
    answer = told();
    await answer;
    expect([watch.durable, watch.durableTo]).toEqual([9, 90]);
    watch.close();
  });

  it('gives its connection up where the node is a replica by now, and counts nothing', async () => {
    const { lane, replication, watch, told, destroyed } = await watched(['state=online,offset=100']);
    Object.assign(lane, { answered: 5, answeredTo: 50 });
    let answer = told();
    watch.look();
    await answer;
    expect(watch.durable).toBe(5);
    // Without replicas all that it answered would count, were it a master still.
    Object.assign(replication, { role: 'slave', replicas: [] });
    Object.assign(lane, { answered: 9, answeredTo: 90 });
    answer = destroyed;
    await answer;
    expect([watch.durable, watch.durableTo, watch.closed]).toEqual([5, 50, false]);
    watch.close();
  });
});
