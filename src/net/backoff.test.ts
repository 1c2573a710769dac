import { describe, expect, it } from 'vitest';
import { Backoff, delay } from './backoff.ts';

describe('Backoff', () => {
  it('doubles from 100 ms to 5 s, and begins anew after reset', () => {
    const backoff = new Backoff(() => 0);
    expect(Array.from({ length: 8 }, () => backoff.next())).toEqual([
      100, 200, 400, 800, 1600, 3200, 5000, 5000,
    ]);
    backoff.reset();
    expect(backoff.next()).toBe(100);
  });

  it('takes off up to a half at random', () => {
    const values = [0.5, 0.999999];
    const backoff = new Backoff(() => values.shift() ?? 0);
    expect(backoff.next()).toBe(75);
    expect(backoff.next()).toBe(100);
  });
});

describe('delay', () => {
  it('rejects with the reason of the signal, before and during the wait', async () => {
    const controller = new AbortController();
    const waiting = delay(60_000, controller.signal);
    controller.abort(new Error('enough'));
    await expect(waiting).rejects.toThrow('enough');
    await expect(delay(60_000, controller.signal)).rejects.toThrow('enough');
  });

  it('resolves after the time', async () => {
    const begin = performance.now();
    await delay(20);
    expect(performance.now() - begin).toBeGreaterThan(15);
  });
});
