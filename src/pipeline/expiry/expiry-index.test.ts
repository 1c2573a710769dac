import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ExpiryIndex } from './expiry-index.ts';
import { NEVER } from './expiry-table.ts';

const NOW = 1_700_000_000_000;
const TICK_MS = 10;

interface Step {
  db: number;
  key: string;
  atMs: number;
  fields: boolean;
}

const step: fc.Arbitrary<Step> = fc.record({
  db: fc.integer({ min: 0, max: 2 }),
  key: fc.integer({ min: 0, max: 400 }).map((n) => `key:${n}`),
  atMs: fc.oneof(fc.integer({ min: NOW - 1000, max: NOW + 3_600_000 }), fc.constant(NEVER)),
  fields: fc.boolean(),
});

function nameOf({ db, key, fields }: Step): string {
  return `${fields ? 'f' : 'k'}${db}:${key}`;
}

function apply(index: ExpiryIndex, each: Step, offset: number): void {
  const { db, key, atMs, fields } = each;
  const bytes = Buffer.from(`..${key}.`);
  if (fields) index.setFields(db, bytes, 2, bytes.length - 1, atMs, offset);
  else index.set(db, bytes, 2, bytes.length - 1, atMs, offset);
}

function ask(index: ExpiryIndex, name: string): number {
  const [, kind, db, key] = /^(.)(\d):(.*)$/.exec(name) as string[];
  const bytes = Buffer.from(key as string);
  return kind === 'f'
    ? index.fieldsAt(Number(db), bytes, 0, bytes.length)
    : index.at(Number(db), bytes, 0, bytes.length);
}

function expectSame(index: ExpiryIndex, model: Map<string, number>): void {
  for (const [name, atMs] of model) {
    const told = ask(index, name);
    if (atMs === NEVER) expect(told, name).toBe(NEVER);
    else {
      expect(told, name).toBeLessThanOrEqual(Math.max(atMs, NOW));
      expect(told, name).toBeGreaterThan(Math.max(atMs, NOW) - TICK_MS);
    }
  }
}

describe('ExpiryIndex', () => {
  it('knows the latest expiry of each key, as a map of all keys does, and goes back', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 2000 }), fc.nat(), (steps, cut) => {
        const index = new ExpiryIndex(NOW);
        const model = new Map<string, number>();
        const at = steps.length === 0 ? 0 : cut % steps.length;
        let before = new Map<string, number>();
        steps.forEach((each, i) => {
          if (i === at) before = new Map(model);
          apply(index, each, i);
          model.set(nameOf(each), each.atMs);
          if (i < at && i % 7 === 0) index.acked(i, 0);
        });
        expectSame(index, model);
        index.restart(at);
        for (const name of model.keys()) if (!before.has(name)) before.set(name, NEVER);
        if (steps.length > 0) expectSame(index, before);
      }),
      { numRuns: 200 },
    );
  });

  it('follows databases that are swapped, and takes that back', () => {
    const index = new ExpiryIndex(NOW);
    const key = Buffer.from('k');
    index.set(0, key, 0, 1, NOW + 1000, 1);
    index.swap(0, 3, 2);
    expect(index.at(0, key, 0, 1)).toBe(NEVER);
    expect(index.at(3, key, 0, 1)).toBe(NOW + 1000);
    index.set(0, key, 0, 1, NOW + 5000, 3);
    index.restart(2);
    expect(index.at(0, key, 0, 1)).toBe(NOW + 1000);
    expect(index.at(3, key, 0, 1)).toBe(NEVER);
  });

  it('stays within its memory: then each key that it does not hold may expire with the first that found no room', () => {
    const index = new ExpiryIndex(NOW, 1024 * 1024);
    const count = 100_000;
    for (let i = 0; i < count; i++) {
      const key = Buffer.from(`key:${i}`);
      index.set(0, key, 0, key.length, NOW + 60_000 + i, -1);
    }
    expect(index.bytes).toBeLessThanOrEqual(1024 * 1024);
    for (let i = 0; i < count; i += 17) {
      const key = Buffer.from(`key:${i}`);
      expect(index.at(0, key, 0, key.length)).toBeLessThanOrEqual(NOW + 60_000 + i);
    }
    const other = Buffer.from('never seen');
    expect(index.at(0, other, 0, other.length)).toBeLessThan(NOW + 60_000 + count);
    // All of them are gone at the source: what is not held does not expire again.
    index.acked(1, NOW + 60_000 + count + 600_001);
    expect(index.at(0, other, 0, other.length)).toBe(NEVER);
  });

  it('forgets what is gone for long rather than to be full', () => {
    const index = new ExpiryIndex(NOW, 64 * 1024);
    for (let i = 0; i < 20_000; i++) {
      const key = Buffer.from(`key:${i}`);
      index.acked(i, NOW + i * 1000);
      index.set(0, key, 0, key.length, NOW + i * 1000 + 1000, i);
    }
    const other = Buffer.from('never seen');
    expect(index.at(0, other, 0, other.length)).toBe(NEVER);
    expect(index.bytes).toBeLessThanOrEqual(64 * 1024);
  });

  it('does not take other keys for those that it knows', () => {
    const index = new ExpiryIndex(NOW);
    const count = 500_000;
    for (let i = 0; i < count; i++) {
      const key = Buffer.from(`session:${i}`);
      index.set(0, key, 0, key.length, NOW + 1000, -1);
    }
    expect(index.size).toBe(count);
    let mistaken = 0;
    for (let i = 0; i < count; i++) {
      const key = Buffer.from(`user:${i}`);
      if (index.at(0, key, 0, key.length) !== NEVER) mistaken++;
      if (index.at(1, Buffer.from(`session:${i}`), 0, `session:${i}`.length) !== NEVER) mistaken++;
    }
    expect(mistaken).toBe(0);
  });
});
