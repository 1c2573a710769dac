import { describe, expect, it } from 'vitest';
import { FlushWatch } from './flush-watch.ts';

/** As INFO commandstats of Redis 7 has it. */
const info = (calls: Record<string, number>): string =>
  [
    '# Commandstats',
    ...Object.entries(calls).map(([name, n]) => `cmdstat_${name}:calls=${n},usec=3,rejected_calls=9`),
  ].join('\r\n');

describe('FlushWatch', () => {
  it('tells what was called since the last look', () => {
    const watch = new FlushWatch(['flushall', 'swapdb']);
    expect(watch.compare(info({ flushall: 5, set: 100 }))).toBeUndefined();
    expect(watch.compare(info({ flushall: 5, set: 200 }))).toBeUndefined();
    expect(watch.compare(info({ flushall: 6, set: 200, swapdb: 1 }))).toBe('FLUSHALL, SWAPDB at the source');
    expect(watch.compare(info({ flushall: 6, set: 201, swapdb: 1 }))).toBeUndefined();
  });

  it('is unsure when counting began anew, but not for ever', () => {
    const watch = new FlushWatch(['flushall']);
    watch.compare(info({ set: 100 }));
    expect(watch.compare(info({ set: 1 }))).toMatch(/CONFIG RESETSTAT/);
    expect(watch.compare(info({ set: 1, flushall: 1 }))).toBe('FLUSHALL at the source');
    for (let i = 0; i < 10; i++) {
      watch.compare(info({ set: 100, flushall: 100 }));
      watch.compare(info({ set: 1 }));
    }
    expect(watch.compare(info({ set: 1, flushall: 1 }))).toBeUndefined();
  });

  it('sees a reply that tells nothing', () => {
    expect(FlushWatch.tells(info({ set: 1 }))).toBe(true);
    expect(FlushWatch.tells('# Commandstats\r\n')).toBe(false);
    expect(FlushWatch.tells('')).toBe(false);
  });
});
