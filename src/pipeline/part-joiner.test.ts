import { describe, expect, it } from 'vitest';
import { ValueCollector } from '../../test/fuzz/rdb-collect.ts';
import { emptyEntry } from '../protocol/rdb/entry-view.ts';
import type { EntryView } from '../protocol/rdb/sink.ts';
import { TYPE_LIST, TYPE_SET, TYPE_STRING } from '../protocol/rdb/types.ts';
import { PartJoiner, type PartJoinerOptions } from './part-joiner.ts';

function part(type: number, offset: number, value: string, key = 'key', db = 0): EntryView {
  const keyBuf = Buffer.from(key);
  const valueBuf = Buffer.from(value, 'latin1');
  const places = {
    keyBuf,
    keyStart: 0,
    keyEnd: keyBuf.length,
    valueBuf,
    valueStart: 0,
    valueEnd: valueBuf.length,
  };
  return { ...emptyEntry(), ...places, type, offset, db };
}

/** What became of each value that was opened. */
class Opened extends ValueCollector {
  abandoned = false;
  override end(): void {
    this.ended = true;
  }
  abandon(): void {
    this.abandoned = true;
  }
}

function joiner(options: Partial<PartJoinerOptions> = {}): {
  joiner: PartJoiner;
  opened: Opened[];
  told: string[];
} {
  const opened: Opened[] = [];
  const told: string[] = [];
  const open = (entry: EntryView): Opened => {
    told.push(`open ${entry.offset}`);
    opened.push(new Opened());
    return opened.at(-1) as Opened;
  };
  return { joiner: new PartJoiner({ open, onEnd: () => void told.push('end'), ...options }), opened, told };
}

function give(to: PartJoiner, place: string, entry: EntryView): void {
  to.told(place);
  expect(to.expected).toBe(true);
  to.entry(entry, 'redis');
  expect(to.expected).toBe(false);
}

const text = (items: readonly string[] | undefined): string[] | undefined =>
  items?.map((item) => Buffer.from(item, 'base64').toString());

describe('PartJoiner', () => {
  it('makes one value of all parts, and holds back what may be acknowledged where nobody reads again', () => {
    const { joiner: parts, opened, told } = joiner();
    expect(parts.heldFrom).toBeUndefined();
    give(parts, 'first', part(TYPE_LIST, 10, '\x02\x01a\x01b'));
    expect(parts.heldFrom).toBe(10);
    give(parts, 'more', part(TYPE_LIST, 20, '\x01\x01c'));
    give(parts, 'last', part(TYPE_LIST, 30, '\x00'));
    expect(parts.heldFrom).toBeUndefined();
    expect(opened.map(({ value, ended }) => [value.kind, text(value.items), ended])).toEqual([
      ['list', ['a', 'b', 'c'], true],
    ]);
    expect(told).toEqual(['open 10', 'end']);
  });

  it('begins anew, and gives up what has no end', () => {
    const { joiner: parts, opened } = joiner();
    give(parts, 'first', part(TYPE_SET, 1, '\x01\x01a'));
    give(parts, 'first', part(TYPE_SET, 2, '\x01\x01b'));
    parts.told('none');
    give(parts, 'first', part(TYPE_LIST, 3, '\x01\x01c'));
    parts.abandon();
    expect(opened.map(({ abandoned, ended }) => [abandoned, ended])).toEqual(Array(3).fill([true, false]));
    expect(parts.heldFrom).toBeUndefined();
  });

  it('tells once of a key whose beginning is lost, and writes nothing of it', () => {
    const lost: string[] = [];
    const { joiner: parts, opened } = joiner({ onUnjoined: (db, key) => lost.push(`${db} ${key}`) });
    give(parts, 'first', part(TYPE_LIST, 1, '\x01\x01a'));
    expect(parts.heldFrom).toBeUndefined();
    parts.restart();
    give(parts, 'more', part(TYPE_LIST, 2, '\x01\x01b'));
    give(parts, 'more', part(TYPE_LIST, 3, '\x01\x01c'));
    give(parts, 'last', part(TYPE_LIST, 4, '\x01\x01d'));
    give(parts, 'last', part(TYPE_LIST, 5, '\x01\x01d', 'other', 7));
    expect(lost).toEqual(['0 key', '7 other']);
    give(parts, 'first', part(TYPE_LIST, 6, '\x01\x01a'));
    give(parts, 'last', part(TYPE_LIST, 7, '\x01\x01a', 'key', 3));
    expect(lost).toEqual(['0 key', '7 other', '3 key']);
    expect(opened.map(({ abandoned, ended }) => [abandoned, ended])).toEqual(Array(2).fill([false, false]));
  });

  it('refuses parts of several types, and words that it does not know', () => {
    const { joiner: parts } = joiner();
    parts.told('more');
    expect(() => parts.entry(part(TYPE_LIST, 1, '\x00'), 'redis')).toThrow('without its first one');
    give(parts, 'first', part(TYPE_LIST, 1, '\x01\x01a'));
    parts.told('more');
    expect(() => parts.entry(part(TYPE_STRING, 2, '\x01a'), 'redis')).toThrow('a part of a list is a string');
    expect(() => parts.told('1')).toThrow('no part of a key is "1"');
  });
});
