import { describe, expect, it } from 'vitest';
import { Backoff } from './backoff.ts';
import { Outage } from './outage.ts';

function make(giveUpAfterMs: number) {
  const clock = { ms: 5000 };
  const outage = new Outage(giveUpAfterMs, () => clock.ms, new Backoff(() => 0));
  return { clock, outage };
}

describe('Outage', () => {
  it('waits longer each time, until it is over', () => {
    const { outage } = make(Number.POSITIVE_INFINITY);
    expect([outage.next(), outage.next(), outage.next()]).toEqual([100, 200, 400]);
    outage.over();
    expect(outage.next()).toBe(100);
  });

  it('gives up in time, and tries a last time just before', () => {
    const { clock, outage } = make(250);
    expect(outage.next()).toBe(100);
    clock.ms += 100;
    expect(outage.next()).toBe(150);
    clock.ms += 150;
    expect(outage.next()).toBeUndefined();
  });

  it('takes a connection that is lost at once for the same outage', () => {
    const { clock, outage } = make(250);
    outage.next();
    clock.ms += 100;
    outage.connected();
    expect(outage.next()).toBe(150);
    clock.ms += 150;
    outage.connected();
    expect(outage.next()).toBeUndefined();
  });

  it('takes one that held for a while for the end of it', () => {
    const { clock, outage } = make(250);
    outage.next();
    outage.connected();
    clock.ms += 10_000;
    expect(outage.next()).toBe(100);
  });
});
