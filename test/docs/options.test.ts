import { describe, expect, it } from 'vitest';
import { optionsPage } from './options-page.ts';

describe('docs/reference/options.md', () => {
  it('is what the option table says (`npx vitest run test/docs -u` writes it anew)', async () => {
    await expect(optionsPage()).toMatchFileSnapshot('../../docs/reference/options.md');
  });
});
