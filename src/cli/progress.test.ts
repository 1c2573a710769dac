import { describe, expect, it } from 'vitest';
import { counters, done, fatal, progress, warning } from '../../test/cli/scripted-run.ts';
import { eventText, progressLine } from './progress.ts';

const lag = { lagMs: 12, lagBytes: 4100 };
const { percent: _, etaMs: __, ...diskless } = progress;
const stream = {
  ...diskless,
  phase: 'stream',
  commandsPerSecond: 51_000,
  spoolDiskBytes: 2e9,
  ...lag,
} as const;

describe('progressLine', () => {
  it('tells of a snapshot how far it is', () => {
    expect(progressLine(progress)).toBe(
      'snapshot  42%  1.2M keys  412.3k keys/s  85.2 MB/s  lag 12 ms 4.1 KB  ETA 1m 20s',
    );
  });

  it('leaves out what is not known', () => {
    expect(progressLine(diskless)).toBe('snapshot  1.2M keys  412.3k keys/s  85.2 MB/s  lag 12 ms 4.1 KB');
  });

  it('tells of the stream how far the target is behind', () => {
    expect(progressLine(stream)).toBe(
      'stream  3.4M commands  51.0k commands/s  85.2 MB/s  lag 12 ms 4.1 KB  on disk 2.0 GB',
    );
  });

  it('tells what it waits for before all numbers', () => {
    const waiting = {
      ...progress,
      phase: 'connecting',
      waiting: 'source lost, trying again: ECONNREFUSED',
    } as const;
    expect(progressLine(waiting)).toMatch(
      /^connecting {2}waiting: source lost, trying again: ECONNREFUSED {2}/,
    );
  });

  it.each([
    [80, 'snapshot  42%  1.2M keys  412.3k keys/s  85.2 MB/s  lag 12 ms 4.1 KB  ETA 1m 20s'],
    [79, 'snapshot  42%  412.3k keys/s  85.2 MB/s  lag 12 ms 4.1 KB  ETA 1m 20s'],
    [68, 'snapshot  42%  412.3k keys/s  lag 12 ms 4.1 KB  ETA 1m 20s'],
    [57, 'snapshot  42%  412.3k keys/s  lag 12 ms 4.1 KB'],
    [45, 'snapshot  42%  lag 12 ms 4.1 KB'],
    [30, 'snapshot  42%'],
    [12, 'snapshot'],
    [7, 'snap...'],
    [2, '..'],
    [0, ''],
  ])('fits into %i columns', (width, line) => {
    expect(progressLine(progress, width)).toBe(line);
  });

  it('never exceeds the width', () => {
    const waiting = { ...stream, waiting: 'target lost, trying again: connection refused' };
    for (let width = 0; width < 200; width++)
      expect(progressLine(waiting, width).length).toBeLessThanOrEqual(width);
    expect(progressLine(waiting, 40)).toBe('stream  waiting: target lost, trying ...');
  });
});

describe('eventText', () => {
  it('tells where a run goes', () => {
    const started = {
      event: 'started',
      source: '10.0.0.1:6379',
      target: '/run/redis.sock',
      sourceVersion: '7.0.15',
      targetVersion: '7.2.4',
      replid: 'f00d',
      offset: 14,
    } as const;
    expect(eventText(started)).toBe(
      'Copying 10.0.0.1:6379 (7.0.15) to /run/redis.sock (7.2.4), from position f00d:14.',
    );
  });

  it('tells of a full copy, and of keys that were left', () => {
    const snapshotDone = {
      event: 'snapshot_done',
      keys: 1_200_000,
      skipped: 0,
      bytes: 340e6,
      ms: 12_345,
    } as const;
    expect(eventText(snapshotDone)).toBe(
      'Full copy done in 12.3 s: 1,200,000 keys, 340.0 MB. Following changes.',
    );
    expect(eventText({ ...snapshotDone, skipped: 3 })).toContain(
      '; left as they are since they existed: 3 keys.',
    );
  });

  it('tells that both are the same', () => {
    expect(eventText({ event: 'synced', ...counters, offset: 4711, ms: 13_000 })).toBe(
      'In sync after 13.0 s: the target holds everything up to offset 4711.',
    );
    expect(eventText({ event: 'synced', ...counters, offset: 0, ms: 13_000 })).toBe(
      'In sync after 13.0 s: the target holds everything that had been written by then.',
    );
  });

  it('tells the position at the end', () => {
    expect(eventText(done)).toBe(
      'Done after 1m 02s: 1,200,000 keys, 3,400,000 commands, 340.0 MB.\n' +
        'The target holds everything up to position f00d:4711; lag 0 ms, 0 B.',
    );
  });

  it('tells of an error what, where and what to do', () => {
    expect(eventText(fatal)).toBe(
      'error KEY_EXISTS: the key exists\n' +
        '  where: target 127.0.0.1:6379, db 3, key user:1, command RESTORE\n' +
        '  what to do: remove it',
    );
    expect(eventText({ ...fatal, retry: true })).toMatch(/\n {2}Naru tries again\.$/);
  });

  it('leaves out a place that is not known', () => {
    const { event, code, message, advice, retry } = fatal;
    expect(eventText({ event, code, message, advice, retry })).not.toContain('where');
  });

  it('lets no text from elsewhere steer the terminal', () => {
    expect(eventText({ ...warning, message: 'a\x1b[2Jb\rc\nd' })).toBe('warning SLOW: a?[2Jb?c?d');
    expect(eventText({ ...fatal, key: '\x1b]0;x\x07' })).toContain('key ?]0;x?');
    expect(progressLine({ ...progress, waiting: 'x\ny' })).toContain('waiting: x?y');
  });
});
