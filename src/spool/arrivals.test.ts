import { describe, expect, it } from 'vitest';
import { Arrivals } from './arrivals.ts';

describe('Arrivals', () => {
  it('knows nothing before the first byte', () => {
    expect(new Arrivals().at(0)).toBeUndefined();
  });

  it('is exact to 10 ms, asked in any order', () => {
    const arrivals = new Arrivals();
    const times: number[] = [];
    let ms = 1_000_000;
    for (let offset = 0; offset < 20_000; offset++) {
      ms += offset % 7 === 0 ? 3 : 0;
      if (offset === 9_000) ms += 3_600_000;
      times.push(ms);
      arrivals.add(offset, ms);
    }
    const ask = (offset: number) => Math.abs((arrivals.at(offset) as number) - (times[offset] as number));
    for (let offset = 0; offset < 20_000; offset++) expect(ask(offset)).toBeLessThan(10);
    for (let offset = 19_999; offset >= 0; offset -= 13) expect(ask(offset)).toBeLessThan(10);
    arrivals.dropBefore(12_345);
    for (let i = 0; i < 5_000; i++) expect(ask(12_345 + ((i * 7_919) % 7_655))).toBeLessThan(10);
  });

  it('drops what is released', () => {
    const arrivals = new Arrivals();
    for (let i = 0; i < 5_000; i++) {
      arrivals.add(i * 100, i * 10);
      arrivals.dropBefore(i * 100 - 250);
      expect(arrivals.entries).toBeLessThanOrEqual(4);
    }
    expect(arrivals.at(499_900)).toBe(49_990);
  });

  it('stays bounded without releases, coarser by a factor that is small against the lag', () => {
    const arrivals = new Arrivals(2048);
    let most = 0;
    const stepMs = (i: number) => (i < 50_000 ? i * 10 : i * 10 + 10_000_000);
    for (let i = 0; i < 100_000; i++) {
      arrivals.add(i, stepMs(i));
      most = Math.max(most, arrivals.entries);
    }
    expect(most).toBeLessThanOrEqual(2048);
    let worst = 0;
    for (let i = 0; i < 100_000; i++) {
      worst = Math.max(worst, Math.abs((arrivals.at(i) as number) - stepMs(i)));
    }
    expect(worst).toBeGreaterThan(10);
    expect(worst).toBeLessThan(1_000_000 / (2048 / 4));
    arrivals.dropBefore(99_999);
    arrivals.add(100_000, 20_000_000);
    arrivals.add(100_001, 20_000_010);
    expect(arrivals.at(100_001)).toBe(20_000_010);
  });

  it('follows a clock that was set back', () => {
    const arrivals = new Arrivals();
    arrivals.add(0, 5_000);
    arrivals.add(10, 1_000);
    arrivals.add(20, 1_005);
    expect([arrivals.at(0), arrivals.at(10), arrivals.at(25)]).toEqual([5_000, 1_000, 1_000]);
  });
});
