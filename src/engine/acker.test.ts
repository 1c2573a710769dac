import { describe, expect, it } from 'vitest';
import { Acker, type Offsets } from './acker.ts';

const replid = 'a'.repeat(40);
/** A stream that begins at spool offset 1000, which is replication offset 50. */
function offsets(phase: 'snapshot' | 'stream'): Offsets {
  return { phase, replid, streamOffset: (o) => o - 950, spoolOffset: (o) => o + 950 };
}

describe('Acker', () => {
  it('makes checkpoints in the source’s own offsets', () => {
    const place = { offset: 1010, db: 3 };
    expect(new Acker(offsets('snapshot'), 't').checkpointAt(place)).toMatchObject({ offset: 1010, db: 3 });
    expect(new Acker(offsets('stream'), 't').checkpointAt(place)).toMatchObject({
      phase: 'stream',
      offset: 60,
    });
  });

  it('goes on from the checkpoint where that is further than the answers, but only if writing twice would matter', () => {
    const acker = new Acker(offsets('stream'), 't');
    acker.ack(1100, 1, true);
    const ahead = { phase: 'stream', replid, offset: 250, db: 2 } as const;
    expect(acker.restartPlace(ahead, true)).toEqual({ offset: 1200, db: 2 });
    expect(acker.restartPlace(ahead, false)).toEqual({ offset: 1100, db: 1 });
  });

  it('goes on from the answers where the bytes behind the checkpoint had no effect', () => {
    const acker = new Acker(offsets('stream'), 't');
    acker.ack(1100, 1, true);
    acker.ack(1150, 4, false);
    expect(acker.restartPlace({ phase: 'stream', replid, offset: 150, db: 1 }, true)).toEqual({
      offset: 1150,
      db: 4,
    });
  });

  it('knows a target that lost what it had acknowledged', () => {
    const acker = new Acker(offsets('stream'), 't');
    expect(acker.restartPlace(undefined, true)).toEqual({ offset: 0, db: 0 });
    acker.ack(1100, 1, true);
    expect(() => acker.restartPlace(undefined, true)).toThrow(/gone.*stream offset 150/);
    expect(() => acker.restartPlace({ phase: 'stream', replid, offset: 149, db: 1 }, true)).toThrow(/149/);
    expect(() => acker.restartPlace({ phase: 'snapshot', replid, offset: 900, db: 1 }, true)).toThrow(/900/);
  });

  it('goes back to a checkpoint that is known', () => {
    const acker = new Acker(offsets('stream'), 't');
    acker.ack(1100, 1, true);
    acker.ack(1200, 1, true);
    const known = (offset: number) => (offset === 1100 ? { offset, db: 1 } : undefined);
    expect(() => acker.restartPlace({ phase: 'stream', replid, offset: 149, db: 1 }, true, known)).toThrow(
      /149/,
    );
    const back = { phase: 'stream', replid, offset: 150, db: 1 } as const;
    expect(acker.restartPlace(back, true, known)).toEqual({ offset: 1100, db: 1 });
    expect(acker.acked).toEqual({ offset: 1100, db: 1 });
    // From now on that is what the target has to show.
    expect(acker.restartPlace(back, true)).toEqual({ offset: 1100, db: 1 });
  });
});
