import { describe, expect, it } from 'vitest';
import { Kind } from '../in-flight.ts';
import { Redo } from './redo.ts';
import { Undone } from './undone.ts';

const undoneAt = (...offsets: number[]): Undone => {
  const undone = new Undone();
  for (const offset of offsets) undone.add(offset, `MOVED ${offset % 10} 127.0.0.1:1`, Kind.COMMAND);
  return undone;
};

const wants = (redo: Redo, offset: number, slot: number, key: string): boolean =>
  redo.wants(offset, slot, Buffer.from(key), 0, key.length);

describe('Redo', () => {
  it('wants what was not done, by slot, and all that was not given', () => {
    const redo = new Redo(undoneAt(11, 23), 30, undefined);
    expect([wants(redo, 10, 0, 'a'), wants(redo, 11, 1, 'b'), wants(redo, 11, 2, 'c')]).toEqual([
      false,
      true,
      false,
    ]);
    expect([redo.covers(29), redo.covers(30)]).toEqual([true, false]);
    expect([redo.wantsKeyless(22), redo.wantsKeyless(23), redo.wantsKeyless(30)]).toEqual([
      false,
      true,
      true,
    ]);
  });

  it('has an earlier one speak for what was not given again', () => {
    const first = new Redo(undoneAt(11, 23, 35), 40, undefined);
    const second = new Redo(undoneAt(11), 30, first);
    expect([wants(second, 11, 1, 'a'), wants(second, 23, 3, 'b'), wants(second, 35, 5, 'c')]).toEqual([
      true,
      false,
      true,
    ]);
    expect([wants(second, 36, 6, 'd'), wants(second, 40, 0, 'e')]).toEqual([false, true]);
  });

  it('ends where a command was done behind one of the same key that was not', () => {
    const redo = new Redo(undoneAt(11), 30, undefined);
    expect(wants(redo, 11, 1, 'a')).toBe(true);
    expect(wants(redo, 12, 1, 'b')).toBe(false);
    expect(() => wants(redo, 13, 1, 'a')).toThrow(/behind one that it has not/);
  });
});
