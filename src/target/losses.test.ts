import { describe, expect, it } from 'vitest';
import { emptyEntry } from '../protocol/rdb/entry-view.ts';
import type { EntryView } from '../protocol/rdb/sink.ts';
import { type Loss, Losses } from './losses.ts';

const entry = (offset: number, key = 'k'): EntryView => ({
  ...emptyEntry(),
  keyBuf: Buffer.from(key),
  keyEnd: key.length,
  db: 2,
  offset,
});

function make(lossy: boolean): { losses: Losses; told: string[] } {
  const told: string[] = [];
  const losses = new Losses({
    lossy,
    target: 'redis 6.0.16',
    node: '10.0.0.1:6379',
    onFirst: (text) => told.push(text),
  });
  return { losses, told };
}

const NEEDS: [Loss, string][] = [
  ['fieldExpiries', 'a hash whose fields expire: that needs Redis 7.4 or Valkey 9'],
  ['streams', 'a stream: that needs Redis 5'],
  ['functions', 'a function library: that needs Redis 7'],
  ['moduleValues', 'a value of a module: that needs the module'],
];

describe('what a target can not hold', () => {
  it.each(NEEDS)('ends the run: %s', (loss, text) => {
    const { losses, told } = make(false);
    let error: unknown;
    try {
      losses.entry(loss, entry(7, 'a\nb'));
    } catch (caught) {
      error = caught;
    }
    expect(error).toMatchObject({
      code: 'TARGET_TOO_OLD',
      message: `The target (redis 6.0.16) can not hold ${text}`,
      place: { side: 'target', node: '10.0.0.1:6379', offset: 7, db: 2, key: 'a\\x0ab' },
    });
    expect([losses.total, told]).toEqual([0, []]);
  });

  it('is counted where losses are allowed, and told of once for each kind', () => {
    const { losses, told } = make(true);
    losses.entry('streams', entry(1, 'first'));
    losses.entry('streams', entry(2, 'second'));
    losses.add('functions', { offset: 3 });
    losses.add('functions', { offset: 4 });
    expect(losses.counts).toEqual({ fieldExpiries: 0, streams: 2, functions: 2, moduleValues: 0 });
    expect(losses.total).toBe(4);
    expect(told.map((text) => text.replace(/^.* can not hold /, ''))).toEqual([
      'a stream: that needs Redis 5. First: first',
      'a function library: that needs Redis 7',
    ]);
  });

  it('counts once what is given again after a target was lost', () => {
    const { losses } = make(true);
    for (const offset of [1, 2, 3, 2, 3, 4]) losses.entry('streams', entry(offset));
    losses.add('functions', { offset: 2 });
    expect(losses.counts).toMatchObject({ streams: 4, functions: 1 });
  });
});
