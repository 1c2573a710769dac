import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeTempDir } from '../../../../test/support/cleanup.ts';
import { Naru } from '../../../../test/support/naru.ts';
import { RedisServer } from '../../../../test/support/redis-server.ts';
import { until } from '../../../../test/support/until.ts';
import { Load } from './load.ts';

const temp = makeTempDir();
let source: RedisServer;
beforeAll(async () => {
  source = await RedisServer.start();
});
afterAll(async () => {
  await source.stop();
  temp.remove();
});

/** The source answers nobody for so long, again and again, until `end` is called. */
async function slowDown(seconds: number): Promise<{ end(): Promise<void> }> {
  const client = await source.connect();
  let slow = true;
  const done = (async () => {
    while (slow) await client.call('DEBUG', 'SLEEP', seconds);
    client.close();
  })();
  return {
    end: () => {
      slow = false;
      return done;
    },
  };
}

describe('Load', () => {
  it('is halved by each late answer, down to a 64th and no further, and comes back', () => {
    const load = new Load(20);
    load.answered(1);
    expect(load.share).toBe(1);
    load.answered(22);
    expect(load.share).toBe(0.5);
    // A machine that is busy all the time makes every answer late.
    for (let i = 0; i < 100; i++) load.answered(500);
    expect(load.share).toBe(1 / 64);
    for (let i = 0; i < 50; i++) load.answered(2);
    expect(load.share).toBe(1);
  });

  it('goes down while the source is slow, and up when it is not', async () => {
    // More than a busy machine takes for an answer.
    const load = new Load(500);
    const client = await source.connect();
    let slow: { end(): Promise<void> } | undefined;
    try {
      load.answered(0);
      load.watch(() => client.call('PING'));
      slow = await slowDown(1);
      await until('less load', async () => load.share < 0.3);
      await slow.end();
      const least = load.share;
      await until('more load', async () => load.share > least);
    } finally {
      load.stop();
      await slow?.end();
      client.close();
    }
  });

  it('leaves enough for a scan to come to its end', async () => {
    const target = await RedisServer.start();
    await source.call('DEBUG', 'POPULATE', 3000, 'key', 50);
    const slow = await slowDown(0.06);
    try {
      const naru = await Naru.run([
        ...['scan', '--from', source.url, '--to', target.url, '--json', '--dir', temp.path],
        ...['--max-latency', '1ms'],
      ]);
      expect(naru.exit?.code, naru.stdout).toBe(0);
      expect(naru.eventsOf('done')[0]?.keys).toBe(3000);
    } finally {
      await slow.end();
      await target.stop();
    }
  });
});
