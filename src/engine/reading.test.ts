import { describe, expect, it } from 'vitest';
import { lagOf } from './reading.ts';

const NEVER = Number.POSITIVE_INFINITY;

function lag(acked: number, rightTo: number, waitsSinceMs: number): { lagMs: number; lagBytes: number } {
  const arrivedMs = Date.now() - 500_000;
  const spool = { end: 100, arrivalMs: () => arrivedMs };
  const pump = { phase: 'stream', rightTo } as const;
  return lagOf({ spool, acker: { acked: { offset: acked, db: 0 } }, pump, recopier: { waitsSinceMs } });
}

describe('the lag', () => {
  it('is that of what is not acknowledged', () => {
    expect(lag(100, NEVER, NEVER)).toEqual({ lagMs: 0, lagBytes: 0 });
    const { lagMs, lagBytes } = lag(90, NEVER, NEVER);
    expect([lagMs >= 500_000, lagBytes]).toEqual([true, 10]);
  });

  it('goes on while a key waits to be copied again, though its command is acknowledged', () => {
    const { lagMs, lagBytes } = lag(100, 40, Date.now() - 2000);
    expect([lagMs >= 2000 && lagMs < 500_000, lagBytes]).toEqual([true, 60]);
  });

  it('has an age only where a key waits that is held for no command', () => {
    const { lagMs, lagBytes } = lag(100, 0, Date.now() - 2000);
    expect([lagMs >= 2000, lagBytes]).toEqual([true, 0]);
  });
});
