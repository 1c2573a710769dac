import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { OwnKeys } from './own-keys.ts';

describe('OwnKeys', () => {
  it('does as a Set does', () => {
    const step = fc.tuple(fc.constantFrom('add', 'remove'), fc.nat(2), fc.nat(30));
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), fc.nat(5000), (steps, first) => {
        const own = new OwnKeys(1);
        const set = new Set<string>();
        const act = (action: string, db: number, i: number): void => {
          const key = Buffer.from(`..${i}.`);
          own[action as 'add' | 'remove'](db, key, 2, key.length - 1);
          set[action === 'add' ? 'add' : 'delete'](`${db} ${i}`);
        };
        for (let i = 0; i < first; i++) act('add', 7, i);
        for (let i = 0; i < first; i += 3) act('remove', 7, i);
        for (const [action, db, i] of steps) act(action, db, i);
        expect(own.size).toBe(set.size);
        for (const db of [0, 1, 2, 7]) {
          for (let i = 0; i < 40; i++) {
            const key = Buffer.from(String(i));
            expect(own.has(db, key, 0, key.length)).toBe(set.has(`${db} ${i}`));
          }
        }
      }),
      { numRuns: 50 },
    );
  });

  it('takes some ten bytes a key', () => {
    const own = new OwnKeys();
    const key = Buffer.alloc(8);
    for (let i = 0; i < 1_000_000; i++) {
      key.writeUInt32LE(i, 0);
      own.add(0, key, 0, 8);
    }
    expect(own.size).toBe(1_000_000);
    expect(own.bytes / own.size).toBeLessThan(11.6);
  });
});
