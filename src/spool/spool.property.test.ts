import { existsSync } from 'node:fs';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { respondSlowly } from '../../test/support/spool-faults.ts';
import { Spool } from './spool.ts';

const SLAB = 64;
const MEMORY = 4 * SLAB;
const SEGMENT = 150;

type Step =
  | { do: 'commit'; n: number }
  | { do: 'read'; n: number }
  | { do: 'writeBehind'; n: number }
  | { do: 'turns'; n: number }
  | { do: 'seek'; part: number }
  | { do: 'release'; part: number };

const part: fc.Arbitrary<number> = fc.double({ min: 0, max: 1, noNaN: true });
const upTo = (max: number): fc.Arbitrary<number> => fc.integer({ min: 1, max });

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 8, arbitrary: fc.record({ do: fc.constant('commit' as const), n: upTo(300) }) },
  { weight: 6, arbitrary: fc.record({ do: fc.constant('read' as const), n: upTo(200) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('writeBehind' as const),
      n: fc.constantFrom(0, 50, 150, Infinity),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('turns' as const), n: upTo(5) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('seek' as const), part }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('release' as const), part }) },
);

/** The spool beside the plainest thing that does the same: an array that keeps everything. */
class Pair {
  readonly spool: Spool;
  readonly all: number[] = [];
  readonly start: number;
  position: number;
  released: number;
  private seed = 1;
  private view: Buffer | undefined;
  private viewShould: Buffer | undefined;

  constructor(spool: Spool, start: number) {
    this.spool = spool;
    this.start = start;
    this.position = start;
    this.released = start;
  }

  async commit(n: number): Promise<void> {
    for (let left = n; left > 0; ) {
      await this.spool.whenWritable();
      const space = this.spool.space();
      const take = Math.min(space.length, left);
      for (let i = 0; i < take; i++) {
        this.seed = (this.seed * 1_103_515_245 + 12_345) & 0x7fffffff;
        space[i] = this.seed >>> 16;
        this.all.push((this.seed >>> 16) & 0xff);
      }
      this.spool.commit(take);
      left -= take;
    }
  }

  /** Returns whether there was something. Where the spool holds back although there are bytes, it has to come up with them. */
  async read(max: number): Promise<boolean> {
    this.checkView();
    let view = this.spool.read(max);
    if (view === undefined && this.position < this.start + this.all.length) {
      await this.spool.whenReadable();
      view = this.spool.read(max);
      expect(view).toBeDefined();
    }
    this.view = view;
    this.viewShould = undefined;
    if (view === undefined) return false;
    expect(view.length).toBeGreaterThan(0);
    expect(view.length).toBeLessThanOrEqual(max);
    const from = this.position - this.start;
    this.viewShould = Buffer.from(this.all.slice(from, from + view.length));
    this.position += view.length;
    this.checkView();
    return true;
  }

  seek(part: number): void {
    this.checkView();
    this.view = undefined;
    const end = this.start + this.all.length;
    this.position = this.released + Math.round(part * (end - this.released));
    this.spool.seek(this.position);
  }

  release(part: number): void {
    this.released += Math.round(part * (this.position - this.released));
    this.spool.release(this.released);
  }

  /** Whatever happened since it was read. */
  checkView(): void {
    if (this.view !== undefined) expect(this.view.equals(this.viewShould as Buffer)).toBe(true);
  }

  check(): void {
    this.checkView();
    expect(this.spool.failure).toBeUndefined();
    expect(this.spool.end).toBe(this.start + this.all.length);
    expect(this.spool.position).toBe(this.position);
    expect(this.spool.released).toBe(this.released);
    expect(this.spool.memoryBytes).toBeLessThanOrEqual(MEMORY + 3 * SLAB);
    expect(this.spool.diskBytes).toBeLessThanOrEqual(this.spool.end - this.released);
  }
}

async function run(steps: Step[], start: number, writeBehindBytes: number, delays: number[]): Promise<void> {
  const top = await mkdtemp(join(tmpdir(), 'naru-spool-'));
  try {
    let operation = 0;
    const files = respondSlowly(() => delays[operation++ % delays.length] as number);
    const dir = join(top, 'a', 'b');
    const spool = await Spool.open({
      dir,
      start,
      writeBehindBytes,
      files,
      memoryBytes: MEMORY,
      slabBytes: SLAB,
      segmentBytes: SEGMENT,
      diskBytesMax: Infinity,
    });
    const pair = new Pair(spool, start);
    for (const one of steps) {
      if (one.do === 'commit') await pair.commit(one.n);
      else if (one.do === 'read') await pair.read(one.n);
      else if (one.do === 'seek') pair.seek(one.part);
      else if (one.do === 'release') pair.release(one.part);
      else if (one.do === 'writeBehind') spool.writeBehindBytes = one.n;
      else for (let left = one.n; left > 0; left--) await turn();
      pair.check();
    }
    while (await pair.read(100)) pair.check();
    expect(pair.position).toBe(spool.end);
    await spool.close();
    expect(existsSync(join(top, 'a'))).toBe(false);
    expect(await readdir(top)).toEqual([]);
  } finally {
    await rm(top, { recursive: true, force: true });
  }
}

it('does what an array would do, with a slow disk', async () => {
  const property = fc.asyncProperty(
    fc.array(step, { minLength: 1, maxLength: 80, size: 'max' }),
    fc.constantFrom(0, 37, 2 ** 40),
    fc.constantFrom(0, 100, Infinity),
    fc.array(fc.integer({ min: 0, max: 4 }), { minLength: 1, maxLength: 10 }),
    run,
  );
  await fc.assert(property, { numRuns: 150 });
});
