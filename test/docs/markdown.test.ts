import { describe, expect, it } from 'vitest';
import { sections, tableRows } from './markdown.ts';

describe('sections', () => {
  it('cuts a page at the headings of one level', () => {
    const page = '# Title\nintro\n## One\n\na\n### deeper\nb\n\n## Two\nc\n';
    expect([...sections(page, 2)]).toEqual([
      ['One', 'a\n### deeper\nb'],
      ['Two', 'c'],
    ]);
  });
});

describe('tableRows', () => {
  it('leaves out head and rule, and unwraps code', () => {
    expect(tableRows('x\n\n| a | b |\n| --- | --- |\n| `c` | d `e` |\n\ny')).toEqual([['c', 'd `e`']]);
  });
});
