import { afterEach, describe, expect, it } from 'vitest';
import type { RespClient } from '../net/client.ts';
import { TargetReplicas } from './target-replicas.ts';

/** A server with one replica: what each has, as its own replication offset. */
function server() {
  const state = { own: 100, replica: 100, opened: 0 };
  let lose: () => void = () => {};
  let asked: () => void = () => {};
  const open = async (): Promise<RespClient> => {
    state.opened++;
    let destroy: () => void = () => {};
    const closed = new Promise<void>((resolve) => {
      destroy = resolve;
    });
    lose = destroy;
    const call = async (name: string): Promise<unknown> => {
      if (name !== 'INFO') return 0;
      asked();
      return `role:master\r\nslave0:ip=127.0.0.1,port=1,state=online,offset=${state.replica},lag=0\r\nmaster_repl_offset:${state.own}`;
    };
    return { call, connection: { closed, destroy } } as unknown as RespClient;
  };
  const question = (): Promise<void> =>
    new Promise((resolve) => {
      asked = resolve;
    });
  return { state, open, question, lose: () => lose() };
}

let replicas: TargetReplicas | undefined;
afterEach(() => replicas?.close());

describe('TargetReplicas', () => {
  it('counts what is acknowledged where there are none', async () => {
    replicas = new TargetReplicas(() => Promise.reject(new Error('nobody asks')));
    replicas.begin(false, 0);
    replicas.acked(50);
    expect(replicas.durableTo).toBe(50);
    await replicas.settled();
  });

  it('counts what they have, and waits for them', async () => {
    const { state, open, question } = server();
    replicas = new TargetReplicas(open);
    replicas.begin(true, 0);
    replicas.acked(50);
    // Not asked yet: all of it may be lacking.
    expect(replicas.durableTo).toBe(0);
    state.own = 200;
    await question();
    let over = false;
    const settled = replicas.settled().then(() => {
      over = true;
    });
    await question();
    expect([over, replicas.durableTo]).toEqual([false, 0]);
    state.replica = 200;
    await settled;
    expect(replicas.durableTo).toBe(50);
  });

  it('asks again when the connection is lost, and knows what was known', async () => {
    const { state, open, question, lose } = server();
    replicas = new TargetReplicas(open);
    replicas.begin(true, 0);
    replicas.acked(50);
    await question();
    await replicas.settled();
    lose();
    await new Promise(setImmediate);
    Object.assign(state, { own: 300, replica: 200 });
    replicas.acked(90);
    await question();
    expect([state.opened, replicas.durableTo]).toEqual([2, 50]);
    state.replica = 300;
    await replicas.settled();
    expect(replicas.durableTo).toBe(90);
  });

  it('do not have any more what the target has lost', async () => {
    const { state, open, question } = server();
    replicas = new TargetReplicas(open);
    replicas.begin(true, 0);
    replicas.acked(50);
    await question();
    await replicas.settled();
    expect(replicas.durableTo).toBe(50);
    // It is back at 20, and is given again what was lost; its replicas have none of that.
    state.own = 200;
    replicas.begin(true, 20);
    expect(replicas.durableTo).toBe(20);
    replicas.acked(40);
    await question();
    let over = false;
    const settled = replicas.settled().then(() => {
      over = true;
    });
    await question();
    await question();
    expect([over, replicas.durableTo]).toEqual([false, 20]);
    state.replica = 200;
    await settled;
    expect(replicas.durableTo).toBe(40);
  });

  it('have to have what is written at a place that was acknowledged before', async () => {
    const { state, open, question } = server();
    replicas = new TargetReplicas(open);
    replicas.begin(true, 0);
    replicas.acked(50);
    await question();
    await replicas.settled();
    state.own = 200;
    replicas.acked(50);
    let over = false;
    const settled = replicas.settled().then(() => {
      over = true;
    });
    await question();
    await question();
    expect(over).toBe(false);
    state.replica = 200;
    await settled;
  });

  it('does not wait any more once closed', async () => {
    const { state, open, question } = server();
    replicas = new TargetReplicas(open);
    state.own = 200;
    replicas.begin(true, 0);
    replicas.acked(50);
    await question();
    const settled = replicas.settled();
    replicas.close();
    await settled;
  });
});
