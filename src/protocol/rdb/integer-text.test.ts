import fc from 'fast-check';
import { expect, it } from 'vitest';
import { IntegerText } from './integer-text.ts';

it('writes every integer within 2^53 as it is', () => {
  const text = new IntegerText();
  const near = fc.integer({ min: 0, max: 100 }).map((n) => Number.MAX_SAFE_INTEGER - n);
  fc.assert(
    fc.property(fc.oneof(fc.maxSafeInteger(), near), fc.boolean(), (n, negative) => {
      const signed = negative ? -n : n;
      expect(text.buf.toString('latin1', text.write(signed), text.end)).toBe(String(signed));
    }),
  );
});
