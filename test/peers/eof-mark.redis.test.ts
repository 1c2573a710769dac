/** Row 11: the mark that ends a diskless full copy is found wherever two reads cut it, and what follows it is not lost. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { sync } from '../../src/index.ts';
import { makeTempDir } from '../support/cleanup.ts';
import { RedisServer } from '../support/redis-server.ts';
import { entry, markedSnapshot, rdb, SourceDouble } from '../support/source-double.ts';
import { until } from '../support/until.ts';

const MARK_BYTES = 40;
/** Two writes this far apart are two reads, but on a machine that stands still. */
const GAP_MS = 15;
const STREAM = '*1\r\n$4\r\nPING\r\n*3\r\n$3\r\nSET\r\n$5\r\nafter\r\n$1\r\n1\r\n';

const temp = makeTempDir();
let target: RedisServer;
beforeAll(async () => {
  target = await RedisServer.start();
});
afterAll(async () => {
  await target.stop();
  temp.remove();
});

/** Of a mark whose bytes repeat, a search that starts anew at the wrong place misses the true one. */
const MARKS = ['0123456789abcdef0123456789abcdef01234567', `${'a'.repeat(39)}b`];

it.each(MARKS)('the mark %s is found, cut at every position', async (mark) => {
  // The value ends as the mark begins.
  const snapshot = markedSnapshot(rdb(10, entry(0, 'before', mark.slice(0, 39))), mark);
  for (let behind = 0; behind <= MARK_BYTES + 1; behind++) {
    await target.call('FLUSHALL');
    const answer = Buffer.concat([snapshot, Buffer.from(STREAM)]);
    const cut = snapshot.length - MARK_BYTES + behind;
    const double = await SourceDouble.start({
      psync: (socket) => {
        socket.setNoDelay(true);
        socket.write(answer.subarray(0, cut));
        setTimeout(() => socket.write(answer.subarray(cut)), GAP_MS);
      },
    });
    const run = sync({ from: double.url, to: target.url, dir: temp.path });
    await until(`the stream, cut at ${behind}`, async () => (await target.text('GET', 'after')) === '1');
    run.stop();
    await run.result;
    expect(await target.text('GET', 'before')).toBe(mark.slice(0, 39));
    expect(await target.call('DBSIZE')).toBe(2);
    await double.stop();
  }
});
