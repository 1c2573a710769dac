import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { ERROR_TABLE, type ErrorCode } from '../../src/errors/table.ts';
import { sections } from './markdown.ts';

const page = readFileSync(new URL('../../docs/reference/errors.md', import.meta.url), 'utf8');
const described = sections(page, 3);

describe('docs/reference/errors.md', () => {
  it('has each code of the table in its order, and no other', () => {
    expect([...described.keys()]).toEqual(Object.keys(ERROR_TABLE));
  });

  it.each(
    Object.keys(ERROR_TABLE) as ErrorCode[],
  )('says of %s when it comes, and what the table says', (code) => {
    const { policy, exit, advice } = ERROR_TABLE[code];
    const [when, facts, ...rest] = (described.get(code) ?? '').split('\n\n');
    expect(when).toMatch(/^[A-Z].{20,}\.$/s);
    expect(facts).toBe(`- Policy: ${policy}, exit code ${exit}\n- What to do: ${advice}`);
    expect(rest).toEqual([]);
  });
});
