import { describe, expect, it } from 'vitest';
import { emptyEntry } from '../../protocol/rdb/entry-view.ts';
import { PART_FIELD } from '../../protocol/rdb/information.ts';
import type { EntryView, RdbSink } from '../../protocol/rdb/sink.ts';
import type { RuleSpec } from '../../rules/rule.ts';
import { Rules } from '../../rules/rules.ts';
import { RuledSnapshot } from './ruled-snapshot.ts';

const STRING = 0;
const HASH = 4;

function ruled(rule: Partial<RuleSpec>): { snapshot: RuledSnapshot; told: string[] } {
  const told: string[] = [];
  const sink = {
    aux: (name: string, value: Buffer) => told.push(`${name} ${value}`),
    selectDb: () => {},
    entry: ({ keyBuf, keyStart, keyEnd }: EntryView) => told.push(String(keyBuf.subarray(keyStart, keyEnd))),
  } as unknown as RdbSink;
  const rules = new Rules([{ name: 'rule', origin: 'test', action: 'drop', ...rule }]);
  return { snapshot: new RuledSnapshot(sink, rules), told };
}

function entryOf(key: string, type: number = STRING): EntryView {
  const entry = emptyEntry();
  entry.keyBuf = Buffer.from(key);
  entry.keyEnd = key.length;
  entry.type = type;
  entry.expireAtMs = -1;
  return entry;
}

describe('RuledSnapshot', () => {
  it('gives what is told of an entry with it, and of one that is left out not at all', () => {
    const { snapshot, told } = ruled({ prefix: ['out:'] });
    snapshot.aux(PART_FIELD, Buffer.from('first'));
    snapshot.entry(entryOf('in:1'));
    snapshot.aux(PART_FIELD, Buffer.from('first'));
    snapshot.entry(entryOf('out:1'));
    snapshot.entry(entryOf('in:2'));
    expect(told).toEqual([`${PART_FIELD} first`, 'in:1', 'in:2']);
  });

  it('forgets what was told of an entry that did not come before the walk went back', () => {
    const { snapshot, told } = ruled({ prefix: ['out:'] });
    snapshot.aux(PART_FIELD, Buffer.from('more'));
    snapshot.restart(0);
    snapshot.entry(entryOf('in:1'));
    expect(told).toEqual(['in:1']);
  });

  it('goes by the database that the walk has gone back to', () => {
    const { snapshot, told } = ruled({ db: [3], prefix: ['k'] });
    snapshot.selectDb(3);
    snapshot.restart(1);
    snapshot.aux('naru:gone', Buffer.from('k'));
    expect(told).toEqual(['naru:gone k']);
  });

  it('takes away what a key held, once keys are read again, where what it holds now is not kept', () => {
    const { snapshot, told } = ruled({ type: ['hash'] });
    snapshot.entry(entryOf('k', HASH));
    snapshot.aux('naru:again', Buffer.alloc(0));
    snapshot.entry(entryOf('k', HASH));
    expect(told).toEqual(['naru:again ', 'naru:gone k']);
  });
});
