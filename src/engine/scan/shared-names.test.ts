import { describe, expect, it } from 'vitest';
import type { RuleSpec } from '../../rules/rule.ts';
import { Rules } from '../../rules/rules.ts';
import { CHANGED, Fingerprints, NEW, SAME } from '../../source/redis/scan/fingerprints.ts';
import { SharedNames } from './shared-names.ts';

const rule = (spec: Partial<RuleSpec>): RuleSpec => ({
  name: JSON.stringify(spec),
  origin: 'a test',
  ...spec,
});

function namesOf(specs?: RuleSpec[]): SharedNames {
  const prints = new Fingerprints({ path: '/nowhere', seed: 1 });
  return new SharedNames(prints, specs && new Rules(specs));
}

function note(names: SharedNames, db: number, key: string, value: number): number {
  const bytes = Buffer.from(key);
  return names.note(db, bytes, 0, bytes.length, value, value, -1);
}

const forget = (names: SharedNames, db: number, key: string): void =>
  names.forget(db, Buffer.from(key), 0, key.length);

function others(names: SharedNames, db: number, key: string): string[] {
  const found = names.others([0, 1, 2], db, [Buffer.from(key)]);
  return [...found].flatMap(([of, keys]) => keys.map((one) => `${of} ${one}`));
}

describe('keys that have one name in the target', () => {
  it('take turns, also with equal values, and are new when one of them is gone', () => {
    const names = namesOf();
    expect([note(names, 0, 'k', 7), note(names, 0, 'k', 7), note(names, 5, 'k', 7)]).toEqual([
      NEW,
      SAME,
      CHANGED,
    ]);
    expect([note(names, 0, 'k', 7), note(names, 0, 'other', 7)]).toEqual([CHANGED, NEW]);
    forget(names, 5, 'k');
    expect([names.has(0, Buffer.from('k'), 0, 1), note(names, 0, 'k', 7)]).toEqual([false, NEW]);
    expect(others(names, 1, 'k')).toEqual(['0 k', '2 k']);
  });

  it('by rules: beginnings and databases', () => {
    const names = namesOf([
      rule({ rename: { prefix: 'a:', to: 'b:' } }),
      rule({ prefix: ['x'], action: 'drop' }),
      rule({ db: [2], toDb: 1 }),
    ]);
    expect([note(names, 1, 'a:1', 7), note(names, 2, 'b:1', 7), note(names, 0, 'b:1', 7)]).toEqual([
      NEW,
      CHANGED,
      NEW,
    ]);
    expect(others(names, 1, 'a:1')).toEqual(['1 b:1', '2 b:1', '2 a:1']);
    expect(others(names, 0, 'b:1')).toEqual(['0 a:1']);
    expect(others(names, 0, 'x')).toEqual([]);
  });

  it('what is dropped takes no name', () => {
    const names = namesOf([
      rule({ rename: { prefix: 'a:', to: '' } }),
      rule({ prefix: ['x'], action: 'drop' }),
    ]);
    expect([note(names, 0, 'x', 7), note(names, 0, 'a:x', 7), note(names, 0, 'x', 7)]).toEqual([
      NEW,
      NEW,
      SAME,
    ]);
  });

  it('by an expression: only what has the same name in other databases is found', () => {
    const names = namesOf([rule({ rename: { regex: '[ab]', to: 'c' } }), rule({ db: [1], toDb: 0 })]);
    expect([note(names, 0, 'a', 7), note(names, 0, 'b', 7)]).toEqual([NEW, CHANGED]);
    expect(others(names, 0, 'a')).toEqual(['1 a']);
  });
});
