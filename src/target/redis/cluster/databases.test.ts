import { describe, expect, it } from 'vitest';
import { Databases } from './databases.ts';

describe('Databases', () => {
  it('go to those with their numbers, or to the one that there is', () => {
    expect(new Databases(true).of(5)).toBe(5);
    expect(new Databases(false).of(5)).toBe(0);
  });

  it('are flushed apart where they are apart', () => {
    const databases = new Databases(true);
    databases.of(1);
    databases.of(2);
    expect(databases.flushOf(1)).toBe('FLUSHDB');
    expect(databases.flushOf(undefined)).toBe('FLUSHALL');
  });

  it('are flushed where they came together only if nothing else goes with them', () => {
    const databases = new Databases(false);
    databases.of(1);
    expect(databases.flushOf(2)).toBeUndefined();
    expect(databases.flushOf(1)).toBe('FLUSHALL');
    databases.of(0);
    expect(() => databases.flushOf(1)).toThrow(/database 1/);
    expect(databases.flushOf(undefined)).toBe('FLUSHALL');
  });
});
