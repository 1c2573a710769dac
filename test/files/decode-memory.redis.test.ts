/** Decoding takes no more memory for a larger file. */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { buildWhenStale } from '../../scripts/build.ts';
import { fill, fillStrings } from '../support/fill.ts';
import { runMeasured } from '../support/measured.ts';
import { Random } from '../support/random.ts';
import { RedisServer } from '../support/redis-server.ts';

const MAIN: string = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
const MIB = 1024 * 1024;
/** Some 110 MiB are usual, and the garbage collector's pace adds to it; with the large string held whole it would be more than twice as much. */
const BYTES_MAX = 160 * MIB;
const PIECE_BYTES = 8 * MIB;

let server: RedisServer;

/** Many small keys, strings just below and above what is held, random and compressible, one of 96 MiB, and collections. */
beforeAll(async () => {
  server = await RedisServer.start();
  await fillStrings(server, 300_000, 60);
  await fill(server, 8000, { databases: 1 });
  const random = new Random(1).bytes(PIECE_BYTES);
  const words = Buffer.alloc(PIECE_BYTES, 'the same words again, ');
  for (let i = 0; i < 12; i++) {
    await server.call('APPEND', 'large', random);
    await server.call('APPEND', 'large words', words);
    await server.call('SET', `random:${i}`, random.subarray(0, MIB - 64 * i));
    await server.call('SET', `words:${i}`, words);
  }
  await server.call('SAVE');
  buildWhenStale();
});

afterAll(() => server.stop());

it.each(['jsonl', 'commands', 'summary'])('as %s', async (format) => {
  const file = join(server.dir, 'dump.rdb');
  const { peakRssBytes = 0 } = await runMeasured(process.execPath, [
    MAIN,
    'decode',
    file,
    '--format',
    format,
  ]);
  expect(peakRssBytes).toBeGreaterThan(0);
  expect(peakRssBytes).toBeLessThan(BYTES_MAX);
});
