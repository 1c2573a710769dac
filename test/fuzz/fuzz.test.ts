import { describe, expect, it } from 'vitest';
import { fuzzAof } from './aof.ts';
import { corpus, replay } from './corpus.ts';
import type { FuzzResult } from './fuzz-for.ts';
import { fuzzRdb } from './rdb.ts';
import { fuzzWire } from './wire.ts';

const SECONDS = 17;

describe('the corpus', () => {
  it.each(corpus())('%s', (name) => {
    expect(replay(name)).toBe(!name.endsWith('-read.bin'));
  });
});

describe('random input is read or refused, the same however it is cut', () => {
  it.each<[string, (seconds: number) => FuzzResult]>([
    ['RDB', fuzzRdb],
    ['AOF and manifests', fuzzAof],
    ['replies, commands, LZF, packed structures, DUMP payloads', fuzzWire],
  ])('%s', (_name, fuzz) => {
    const before = process.memoryUsage.rss();
    const { runs, refused } = fuzz(SECONDS);
    // How many there are is a matter of the machine.
    expect(refused).toBeGreaterThan(0);
    expect(refused).toBeLessThanOrEqual(runs);
    expect(process.memoryUsage.rss() - before).toBeLessThan(400 * 1024 * 1024);
  });
});
