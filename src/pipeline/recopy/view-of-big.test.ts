import { describe, expect, it } from 'vitest';
import { viewOfBig } from './view-of-big.ts';

const kept = (args: Record<number, string>): Map<number, Buffer> =>
  new Map(Object.entries(args).map(([index, arg]) => [Number(index), Buffer.from(arg)]));

describe('a command that passed by, as a view', () => {
  it('has what was kept, and nothing where the rest was', () => {
    const view = viewOfBig({
      argc: 5,
      kept: kept({ 0: 'SORT', 1: 'key', 3: 'STORE', 4: 'to' }),
      offset: 7,
      endOffset: 9,
    });
    expect(Array.from({ length: view.argc }, (_, i) => view.text(i))).toEqual([
      'SORT',
      'key',
      '',
      'STORE',
      'to',
    ]);
    expect([view.offset, view.endOffset]).toEqual([7, 9]);
  });

  it('may have more arguments than a view holds at first', () => {
    const view = viewOfBig({ argc: 1000, kept: kept({ 0: 'DEL', 999: 'last' }), offset: 0, endOffset: 1 });
    expect([view.text(0), view.text(500), view.text(999)]).toEqual(['DEL', '', 'last']);
  });
});
