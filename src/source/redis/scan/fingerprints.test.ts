import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CHANGED, Fingerprints, type FingerprintsOptions, NEW, SAME } from './fingerprints.ts';

let dir: string;
let path: string;

beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'fingerprints-'));
  path = join(dir, 'fingerprints');
});

afterAll(() => rmSync(dir, { recursive: true, force: true }));

function open(options: Partial<FingerprintsOptions> = {}): Fingerprints {
  return new Fingerprints({ path, seed: 7, ...options });
}

/** Of `i`, in a buffer that has other bytes around it. */
const KEY = Buffer.alloc(16);
function note(prints: Fingerprints, i: number, low: number, high = 0, expireAt = -1): number {
  KEY.writeUInt32LE(i, 4);
  return prints.note(3, KEY, 4, 8, low, high, expireAt);
}

/** Of this process: the machine may have other things to do. */
const cpuMs = (): number => process.cpuUsage().user / 1000 + process.cpuUsage().system / 1000;

const MIB = 1024 * 1024;

describe('Fingerprints', () => {
  it('knows what has changed: value, expiry, database', () => {
    const prints = open();
    const key = Buffer.from('key');
    const at = (db: number, low: number, high: number, expireAt: number): number =>
      prints.note(db, key, 0, 3, low, high, expireAt);
    expect(at(0, 1, 2, -1)).toBe(NEW);
    expect(at(0, 1, 2, -1)).toBe(SAME);
    expect(at(1, 1, 2, -1)).toBe(NEW);
    expect(at(0, 1, 3, -1)).toBe(CHANGED);
    expect(at(0, 2, 3, -1)).toBe(CHANGED);
    expect(at(0, 2, 3, 1_764_000_000_000)).toBe(CHANGED);
    expect(at(0, 2, 3, 1_764_000_000_001)).toBe(CHANGED);
    expect(at(0, 2, 3, 1_764_000_000_001)).toBe(SAME);
    expect(prints.size).toBe(2);
    expect(prints.has(1, key, 0, 3)).toBe(true);
    prints.forget(1, key, 0, 3);
    expect(prints.has(1, key, 0, 3)).toBe(false);
    expect(prints.has(0, key, 0, 3)).toBe(true);
    expect(at(1, 1, 2, -1)).toBe(NEW);
    prints.close();
  });

  it('does as a Map does, in memory and in a file, also where it has to grow', () => {
    const step = fc.tuple(fc.nat(3), fc.nat(40_000), fc.nat(2));
    fc.assert(
      fc.property(
        fc.array(step, { maxLength: 300 }),
        fc.constantFrom(0, MIB),
        fc.nat(200_000),
        (steps, memoryBytes, keys) => {
          const prints = open({ memoryBytes, keysExpected: 20_000 });
          const map = new Map<number, number>();
          let twins = 0;
          // What shares an entry with another may be told as changed, or as new when that was forgotten, but never as the same.
          const check = (i: number, value: number): void => {
            const known = map.get(i);
            const told = note(prints, i, value, value);
            const right = known === undefined ? NEW : known === value ? SAME : CHANGED;
            if (told !== right) {
              expect(told).not.toBe(SAME);
              twins++;
            }
            map.set(i, value);
          };
          for (let i = 0; i < Math.min(keys, memoryBytes === 0 ? 20_000 : keys); i += 7) check(i, i % 5);
          for (const [action, i, value] of steps) {
            if (action < 3) check(i, value);
            else {
              KEY.writeUInt32LE(i, 4);
              prints.forget(3, KEY, 4, 8);
              map.delete(i);
            }
          }
          const few = 8 + map.size / 200;
          expect(twins).toBeLessThan(few);
          expect(Math.abs(prints.size - map.size)).toBeLessThan(few);
          prints.close();
        },
      ),
      { numRuns: 30 },
    );
  });

  it('grows to twelve times what was expected, and forgets everything again', () => {
    const prints = open({ keysExpected: 16_384, memoryBytes: MIB });
    const count = 200_000;
    let wrong = 0;
    for (let i = 0; i < count; i++) if (note(prints, i, i, 1) !== NEW) wrong++;
    expect(wrong).toBeLessThan(count / 20);
    expect(existsSync(path)).toBe(true);
    for (let i = 0; i < count; i++) if (note(prints, i, i + 1, 1) === SAME) wrong = Number.NaN;
    expect(wrong).not.toBeNaN();
    for (let i = 0; i < count; i++) {
      KEY.writeUInt32LE(i, 4);
      prints.forget(3, KEY, 4, 8);
    }
    expect(prints.size).toBe(0);
    const { fileBytes } = prints;
    // The room of what was forgotten is used again.
    for (let i = 0; i < count / 2; i++) note(prints, i, i, 1);
    expect(prints.fileBytes).toBe(fileBytes);
    prints.close();
    expect(existsSync(path)).toBe(false);
  });

  it('keeps a million keys in less than 8 bytes each', () => {
    const count = 1_000_000;
    const prints = open({ keysExpected: count });
    const begun = cpuMs();
    let twins = 0;
    for (let i = 0; i < count; i++) if (note(prints, i, i, 9) !== NEW) twins++;
    const noted = cpuMs();
    let changed = 0;
    for (let i = 0; i < count; i++) if (note(prints, i, i, 9) !== SAME) changed++;
    const again = cpuMs();
    const rate = (ms: number): string => `${Math.round(count / ms)}k/s`;
    console.log(
      `${((prints.memoryBytes + prints.fileBytes) / count).toFixed(2)} bytes a key; new ${rate(noted - begun)}, same ${rate(again - noted)}, ${twins} twins`,
    );
    expect(twins).toBeLessThan(count / 2000);
    expect(changed).toBeLessThanOrEqual(2 * twins);
    expect(prints.memoryBytes / count).toBeLessThan(8);
    expect(prints.fileBytes).toBe(0);
    prints.close();
  });
});
