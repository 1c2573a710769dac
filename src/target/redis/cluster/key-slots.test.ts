import { describe, expect, it } from 'vitest';
import { viewOf } from '../../../../test/support/command-view.ts';
import { argumentsOfKey, NO_SLOT, passesProxy, SEVERAL, slotOf } from './key-slots.ts';

const at = (...positions: number[]) => ({
  find: () => positions.length,
  positions: Uint32Array.from(positions),
});

describe('slotOf', () => {
  it('is the one slot of all keys', () => {
    expect(slotOf(viewOf('SET', 'foo', 1), at(1), 1)).toBe(12182);
    expect(slotOf(viewOf('DEL', '{foo}a', '{foo}b'), at(1, 2), 2)).toBe(12182);
  });

  it('tells keys of several slots, and none', () => {
    expect(slotOf(viewOf('DEL', 'foo', 'bar'), at(1, 2), 2)).toBe(SEVERAL);
    expect(slotOf(viewOf('FLUSHALL'), at(), 0)).toBe(NO_SLOT);
    expect(slotOf(viewOf('X', 'y'), at(), -1)).toBe(NO_SLOT);
  });
});

describe('argumentsOfKey', () => {
  it('is known for commands that are the same key by key', () => {
    expect(argumentsOfKey(viewOf('mset', 'a', 1, 'b', 2))).toBe(2);
    expect(argumentsOfKey(viewOf('UNLINK', 'a', 'b'))).toBe(1);
  });

  it('is 0 where all keys have to be together', () => {
    for (const name of ['MSETNX', 'SUNIONSTORE', 'RENAME', 'SET']) {
      expect(argumentsOfKey(viewOf(name, 'a', 'b'))).toBe(0);
    }
  });
});

describe('passesProxy', () => {
  it('takes one key, or what is the same key by key', () => {
    expect(passesProxy(viewOf('INCR', 'a'), 1)).toBe(true);
    expect(passesProxy(viewOf('DEL', 'a', 'b'), 2)).toBe(true);
    expect(passesProxy(viewOf('ZUNIONSTORE', 'a', 2, 'b', 'c'), 3)).toBe(false);
  });

  it('takes no options of an expiry time', () => {
    expect(passesProxy(viewOf('PEXPIREAT', 'a', 1), 1)).toBe(true);
    expect(passesProxy(viewOf('PEXPIREAT', 'a', 1, 'NX'), 1)).toBe(false);
  });
});
