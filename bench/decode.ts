/** Decoding: one RDB of about 1 GB that a server wrote, in each form, beside redis-check-rdb, which only walks it. */
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type FillType, fill, fillStrings } from '../test/support/fill.ts';
import { runMeasured } from '../test/support/measured.ts';
import { RedisServer } from '../test/support/redis-server.ts';
import type { Result } from './report.ts';

const COLLECTIONS = 600_000;
const STRINGS = 4_000_000;
const STRING_BYTES = 100;
const MEDIUM = 2000;
const MEDIUM_BYTES = 100_000;
const TYPES: readonly FillType[] = ['hash', 'list', 'set', 'intset', 'zset', 'stream'];

const MAIN: string = fileURLToPath(new URL('../dist/cli/main.js', import.meta.url));

interface Decoder {
  name: string;
  command: string;
  args: (file: string) => string[];
}

const decoders: readonly Decoder[] = [
  { name: 'redis-check-rdb', command: 'redis-check-rdb', args: (file) => [file] },
  ...['jsonl', 'commands', 'summary'].map((format) => ({
    name: `naru, ${format}`,
    command: process.execPath,
    args: (file: string) => [MAIN, 'decode', file, '--format', format],
  })),
];

async function fillMixed(server: RedisServer, scale: number): Promise<void> {
  await fill(server, COLLECTIONS * scale, { databases: 1, types: TYPES });
  await fillStrings(server, STRINGS * scale, STRING_BYTES);
  await fillStrings(server, STRINGS * scale, STRING_BYTES, { compressible: true, prefix: 'words' });
  await fillStrings(server, MEDIUM * scale, MEDIUM_BYTES, { prefix: 'medium' });
  await server.call('SAVE');
}

export async function benchDecode(
  rounds: number,
  scale: number,
  tell: (text: string) => void,
): Promise<Result[]> {
  const server = await RedisServer.start();
  try {
    await fillMixed(server, scale);
    const file = join(server.dir, 'dump.rdb');
    const mb = statSync(file).size / 1e6;
    const data = `RDB of ${mb.toFixed(0)} MB`;
    const results = decoders.map(
      ({ name }): Result => ({ part: 'decode', data, contestant: name, rounds: [] }),
    );
    for (let round = 0; round < rounds; round++) {
      for (const [i, decoder] of decoders.entries()) {
        const decoded = await runMeasured(decoder.command, decoder.args(file));
        results[i]?.rounds.push(decoded);
        const rate = mb / (decoded.ms / 1000);
        tell(`${data}, round ${round + 1}: ${decoder.name} ${rate.toFixed(1)} MB/s`);
      }
    }
    return results;
  } finally {
    await server.stop();
  }
}
