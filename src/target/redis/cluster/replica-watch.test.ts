import { describe, expect, it } from 'vitest';
import type { RespClient } from '../../../net/client.ts';
import { ReplicaWatch } from './replica-watch.ts';

/** Answers INFO with what `replication` holds, and tells of each question. */
function node(replication: { offset: number; replicas: string[] }) {
  let asked: () => void = () => {};
  const client = {
    call: async (name: string) => {
      if (name !== 'INFO') return 0;
      asked();
      const lines = replication.replicas.map((text, at) => `slave${at}:ip=127.0.0.1,port=1,${text},lag=0`);
      return ['role:master', ...lines, `master_repl_offset:${replication.offset}`].join('\r\n');
    },
    connection: { destroy: () => {} },
  };
  return {
    client: client as unknown as RespClient,
    asked: () =>
      new Promise<void>((resolve) => {
        asked = resolve;
      }),
  };
}

async function watched(replicas: string[]) {
  const lane = { answered: 0, answeredTo: 0 };
  const replication = { offset: 100, replicas };
  const { client, asked } = node(replication);
  let wake: () => void = () => {};
  const watch = new ReplicaWatch(client, lane, () => wake());
  const told = (): Promise<void> =>
    new Promise((resolve) => {
      wake = resolve;
    });
  return { lane, replication, watch, told, asked };
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
});
