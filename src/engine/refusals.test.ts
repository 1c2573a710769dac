import { describe, expect, it } from 'vitest';
import { Refusals } from './refusals.ts';

const at = (offset: number) => ({ offset, db: 0 });

describe('Refusals', () => {
  it('keep a stretch until it is acknowledged, and go on at its beginning', () => {
    const refusals = new Refusals(() => {});
    refusals.look(at(100), 200);
    expect([refusals.from(at(250)).offset, refusals.releasable(250), refusals.releasable(251)]).toEqual([
      100, 100, 251,
    ]);
    expect(refusals.from(at(300)).offset).toBe(300);
  });

  it('have nothing to look at where the target is back before that', () => {
    const refusals = new Refusals(() => {});
    refusals.look(at(100), 200);
    refusals.goBack(at(150));
    expect(refusals.from(at(150)).offset).toBe(100);
    refusals.goBack(at(80));
    expect([refusals.from(at(80)).offset, refusals.releasable(90)]).toEqual([80, 90]);
  });
});
