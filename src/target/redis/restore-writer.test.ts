import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { RecordingLane } from '../../../test/support/recording-lane.ts';
import { emptyEntry } from '../../protocol/rdb/entry-view.ts';
import type { EntryView } from '../../protocol/rdb/sink.ts';
import { dialectOf } from './dialect.ts';
import { Kind } from './in-flight.ts';
import { RestoreWriter } from './restore-writer.ts';

const NOW_MS = 1_700_000_000_000;
beforeEach(() => {
  vi.useFakeTimers({ now: NOW_MS, toFake: ['Date'] });
});
afterEach(() => {
  vi.useRealTimers();
});

/** `SET k hello` as redis-server 7.0.15 dumps it: type, length, value; RDB version 10; CRC-64. */
const DUMP = '000568656c6c6f0a00';
const CHECKSUM = '6372df766534200a';

const entry = (more: Partial<EntryView> = {}): EntryView => ({
  ...emptyEntry(),
  keyBuf: Buffer.from('..k'),
  keyStart: 2,
  keyEnd: 3,
  db: 3,
  offset: 77,
  ...more,
});

/** What is written for it, the payload as `<version checksum>`. */
function written(version: string, view: EntryView, replace: boolean): { frames: string[]; ends: string[] } {
  const lane = new RecordingLane();
  const payload = { version: 10, type: 0, buf: Buffer.from('..\x05hello..'), start: 2, end: 8 };
  new RestoreWriter(lane, dialectOf('redis', version)).write(view, payload, replace, Kind.ENTRY);
  const dump = Buffer.from(DUMP + CHECKSUM, 'hex').toString('latin1');
  const text = lane.bytes.toString('latin1').replace(dump, '<dump>');
  const frames = text.split(/(?=\*\d)/);
  return { frames: frames.map((frame) => frame.replaceAll('\r\n', ' ').trim()), ends: lane.ends };
}

/** Arguments with their lengths, as in a frame. */
const frame = (...args: string[]): string =>
  `*${args.length} ${args.map((arg) => `$${arg === '<dump>' ? 17 : arg.length} ${arg}`).join(' ')}`;

describe('RESTORE', () => {
  it('has a payload that is the value, its version and its checksum', () => {
    const lane = new RecordingLane();
    const payload = { version: 10, type: 0, buf: Buffer.from('\x05hello'), start: 0, end: 6 };
    new RestoreWriter(lane, dialectOf('redis', '7.0.15')).write(entry(), payload, false, Kind.ENTRY);
    expect(lane.bytes.toString('hex')).toContain(`${DUMP}${CHECKSUM}`);
  });

  it.each(['5.0.14', '7.0.15', '8.0.0'])('is absolute at %s', (version) => {
    const view = entry({ expireAtMs: NOW_MS + 5000 });
    expect(written(version, view, true)).toEqual({
      frames: [frame('RESTORE', 'k', String(NOW_MS + 5000), '<dump>', 'REPLACE', 'ABSTTL')],
      ends: ['ENTRY 3 77 1'],
    });
    expect(written(version, entry(), false).frames).toEqual([frame('RESTORE', 'k', '0', '<dump>')]);
  });

  it('carries hints from 5.0 on', () => {
    expect(written('5.0.14', entry({ idleSeconds: 9 }), false).frames).toEqual([
      frame('RESTORE', 'k', '0', '<dump>', 'IDLETIME', '9'),
    ]);
    expect(written('7.0.15', entry({ freq: 255 }), true).frames).toEqual([
      frame('RESTORE', 'k', '0', '<dump>', 'REPLACE', 'FREQ', '255'),
    ]);
    expect(written('4.0.14', entry({ idleSeconds: 9, freq: 3 }), false).frames).toEqual([
      frame('RESTORE', 'k', '0', '<dump>'),
    ]);
  });

  it.each([
    '3.0.7',
    '3.2.13',
    '4.0.14',
  ])('says how much time is left at %s, and when it is over', (version) => {
    const view = entry({ expireAtMs: NOW_MS + 5000 });
    expect(written(version, view, true)).toEqual({
      frames: [
        frame('RESTORE', 'k', '5000', '<dump>', 'REPLACE'),
        frame('PEXPIREAT', 'k', String(NOW_MS + 5000)),
      ],
      ends: ['ENTRY 3 77 1', 'PART 3 77 0'],
    });
  });

  it('leaves the expiry of what may be there already as it is', () => {
    const view = entry({ expireAtMs: NOW_MS + 5000 });
    expect(written('4.0.14', view, false).frames).toEqual([frame('RESTORE', 'k', '5000', '<dump>')]);
  });

  it('has no REPLACE at 2.8: what is there goes first', () => {
    const view = entry({ expireAtMs: NOW_MS + 5000 });
    expect(written('2.8.24', view, true)).toEqual({
      frames: [
        frame('DEL', 'k'),
        frame('RESTORE', 'k', '5000', '<dump>'),
        frame('PEXPIREAT', 'k', String(NOW_MS + 5000)),
      ],
      ends: ['PART 3 77 0', 'ENTRY 3 77 1', 'PART 3 77 0'],
    });
    expect(written('2.8.24', entry(), false).frames).toEqual([frame('RESTORE', 'k', '0', '<dump>')]);
  });

  it('of what has expired is not one without expiry', () => {
    expect(written('7.0.15', entry({ expireAtMs: 0 }), false).frames).toEqual([
      frame('RESTORE', 'k', '1', '<dump>', 'ABSTTL'),
    ]);
    expect(written('4.0.14', entry({ expireAtMs: NOW_MS - 1 }), false).frames).toEqual([
      frame('RESTORE', 'k', '1', '<dump>'),
    ]);
  });
});
