import { describe, expect, it } from 'vitest';
import { RecordingLane } from '../../../test/support/recording-lane.ts';
import { emptyEntry } from '../../protocol/rdb/entry-view.ts';
import type { EntryView } from '../../protocol/rdb/sink.ts';
import { TYPE_MODULE_2 } from '../../protocol/rdb/types.ts';
import { Losses } from '../losses.ts';
import { type Dialect, dialectOf } from './dialect.ts';
import { EntryWriter } from './entry-writer.ts';

const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';

/** A value of a module's type: its id (length of 64 bits), then the end of its parts. */
function moduleEntry(type: string): EntryView {
  let id = 0n;
  for (const letter of type) id = (id << 6n) | BigInt(LETTERS.indexOf(letter));
  const value = Buffer.alloc(10);
  value[0] = 0x81;
  value.writeBigUInt64BE(id << 10n, 1);
  return {
    ...emptyEntry(),
    type: TYPE_MODULE_2,
    keyBuf: Buffer.from('k'),
    keyEnd: 1,
    valueBuf: value,
    valueEnd: value.length,
    offset: 9,
  };
}

function write(dialect: Dialect, type: string, lossy: boolean): { sent: string[]; lost: number } {
  const lane = new RecordingLane();
  const losses = new Losses({ lossy, target: dialect.name, node: 'n', onFirst: () => {} });
  const writer = new EntryWriter(lane, dialect, losses, 'overwrite');
  writer.rdbVersion(9, 'redis');
  writer.write(moduleEntry(type));
  writer.replace(moduleEntry(type));
  return { sent: lane.ends, lost: losses.counts.moduleValues };
}

const withModules = (version: string, ...modules: string[]): Dialect => ({
  ...dialectOf('redis', version),
  modules: new Set(modules),
});
const SENT = ['MODULE_ENTRY 0 9 1', 'RECOPY 0 9 1'];

describe('values of modules', () => {
  it.each(['4.0.14', '5.0.14', '6.0.16'])('are never sent to %s, which would end itself', (version) => {
    const dialect = withModules(version, 'search');
    expect(() => write(dialect, 'ReJSON-RL', false)).toThrow(/a value of a module/);
    expect(write(dialect, 'ReJSON-RL', true)).toEqual({ sent: [], lost: 1 });
    expect(write(dialect, 'MyOwnType', true)).toEqual({ sent: [], lost: 1 });
  });

  it('are sent to an old server that has the module', () => {
    expect(write(withModules('6.0.16', 'rejson'), 'ReJSON-RL', false)).toEqual({ sent: SENT, lost: 0 });
    expect(write(withModules('6.0.16', 'bf'), 'MBbloom--', false)).toEqual({ sent: SENT, lost: 0 });
  });

  it('are sent to one that refuses what it does not know', () => {
    expect(write(withModules('6.2.9'), 'ReJSON-RL', false)).toEqual({ sent: SENT, lost: 0 });
  });

  it('have no place in a server that has no modules', () => {
    expect(() => write(withModules('3.2.13'), 'ReJSON-RL', false)).toThrow(/a value of a module/);
    expect(write(withModules('3.2.13'), 'ReJSON-RL', true)).toEqual({ sent: [], lost: 1 });
  });
});
