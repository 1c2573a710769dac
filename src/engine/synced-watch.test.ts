import { describe, expect, it, vi } from 'vitest';
import { watchForSynced } from './synced-watch.ts';

const never = new AbortController().signal;

describe('watchForSynced', () => {
  it('tells the offset once the target holds what the source says it has written', async () => {
    let source = 100;
    const asked = vi.fn(async () => source++);
    // Each answer is one ahead of what the target holds, until the source pauses.
    const ackedOffset = (): number => (asked.mock.calls.length < 4 ? source - 2 : source + 1);
    expect(
      await watchForSynced(
        { lagMs: () => 0, holds: (offset) => ackedOffset() >= offset, newest: asked },
        never,
      ),
    ).toBe(103);
  });

  it('does not ask while much is left to apply', async () => {
    let lag = 10_000;
    const lagMs = (): number => {
      lag -= 4000;
      return Math.max(lag, 0);
    };
    const newest = vi.fn(async () => 7);
    expect(await watchForSynced({ lagMs, holds: (offset) => offset <= 7, newest }, never)).toBe(7);
    expect(newest).toHaveBeenCalledTimes(1);
  });

  it('takes five seconds close behind a source that never pauses for being in sync', async () => {
    let now = 0;
    let source = 0;
    const options = {
      lagMs: () => 0,
      // Always behind at first, and there a moment later.
      holds: (offset: number) => (now % 2 === 0 ? source - 1 : source) >= offset,
      newest: async () => {
        source++;
        now += 1500;
        now += now % 2;
        return source;
      },
      now: () => (now += 1),
    };
    expect(await watchForSynced(options, never)).toBeGreaterThan(3);
  });

  it('ends when it is told to', async () => {
    const stop = new AbortController();
    const newest = async (): Promise<number> => {
      stop.abort();
      return 5;
    };
    expect(await watchForSynced({ lagMs: () => 0, holds: () => false, newest }, stop.signal)).toBeUndefined();
  });
});
