import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { HashTable } from './hash-table.ts';

const WIDTH = 3;
const SLOTS = 16;

/** Few hashes, some with the same home, one at the end of the table, so that searches wrap around. */
const hashes = fc.record({
  high: fc.constantFrom(0, 1, 0x7fff_ffff, 0x8000_0000, 0xffff_fffe, 0xffff_ffff),
  low: fc.integer({ min: 1, max: 4 }),
});
const steps = fc.array(
  fc.record({
    hash: hashes,
    op: fc.constantFrom('take', 'take', 'free', 'resize'),
    word: fc.integer({ min: 0, max: 9 }),
  }),
  { maxLength: 80 },
);

function step(table: HashTable, model: Map<string, number>, { hash, op, word }: StepOf): void {
  const { high, low } = hash;
  const name = `${high}:${low}`;
  const at = table.find(high, low);
  if (op === 'resize') {
    table.resize(SLOTS + 8 + word, (words, from) => (words[from + 2] as number) >= word);
    for (const [key, value] of model) if (value < word) model.delete(key);
  } else if (op === 'free') {
    if (!table.isFree(at)) table.free(at);
    model.delete(name);
  } else if (!table.isFree(at) || table.size < SLOTS - 2) {
    if (table.isFree(at)) table.take(at, high, low);
    table.words[at + 2] = word;
    model.set(name, word);
  }
}
type StepOf = typeof steps extends fc.Arbitrary<(infer T)[]> ? T : never;

describe('HashTable', () => {
  it('holds what a map holds, however searches meet', () => {
    fc.assert(
      fc.property(steps, (all) => {
        const table = new HashTable(WIDTH, SLOTS);
        const model = new Map<string, number>();
        for (const one of all) step(table, model, one);
        expect(table.size).toBe(model.size);
        for (const high of [0, 1, 0x7fff_ffff, 0x8000_0000, 0xffff_fffe, 0xffff_ffff]) {
          for (let low = 1; low <= 4; low++) {
            const at = table.find(high, low);
            const found = table.isFree(at) ? undefined : table.words[at + 2];
            expect(found).toBe(model.get(`${high}:${low}`));
          }
        }
      }),
      { numRuns: 500 },
    );
  });
});
