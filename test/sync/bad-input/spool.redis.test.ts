/** The target is too slow and the spool runs full: the run says which knob to turn, and removes its files. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { makeTempDir, type TempDir } from '../../support/cleanup.ts';
import { failureOf, startSync } from '../../support/failed-run.ts';
import { fillStrings } from '../../support/fill.ts';
import { FaultProxy, HoldAfterBytes, HoldResponse } from '../../support/proxy.ts';
import { RedisServer } from '../../support/redis-server.ts';

let source: RedisServer;
let target: RedisServer;
let proxy: FaultProxy;
let temp: TempDir;
beforeEach(async () => {
  temp = makeTempDir();
  [source, target] = await Promise.all([RedisServer.start(), RedisServer.start()]);
  proxy = await FaultProxy.start(target);
});
afterEach(async () => {
  await proxy.stop();
  await Promise.all([source.stop(), target.stop()]);
  temp.remove();
});

/** Once the run is in the stream the target answers no more, and the source writes 20 MB. */
async function overflow(...args: string[]) {
  await source.call('SET', 'k', 'v');
  const naru = startSync(source.url, proxy.url, ['--spool-memory', '1MiB', '--in-flight', '64KiB', ...args]);
  await naru.untilEvent('synced');
  proxy.use(HoldResponse);
  await fillStrings(source, 20_000, 1000);
  return failureOf(naru);
}

describe('a spool that runs full', () => {
  it('in the stream, at --spool-max', async () => {
    const dir = join(temp.path, 'spool');
    const error = await overflow('--spool-max', '4MiB', '--dir', dir);
    expect(error).toMatchObject({ code: 'SPOOL_FULL', offset: expect.any(Number) });
    expect(error.message).toMatch(/4 MiB.*--spool-max/);
    expect(error.advice).toContain('--spool-max');
    expect(readdirSync(temp.path)).toEqual([]);
  });

  it('in the snapshot, at --spool-max', async () => {
    await fillStrings(source, 20_000, 1000);
    proxy.use(HoldAfterBytes(1_000_000, 'to-server'));
    const naru = startSync(source.url, proxy.url, ['--spool-memory', '1MiB', '--spool-max', '4MiB']);
    const error = await failureOf(naru);
    expect(error).toMatchObject({ code: 'SPOOL_FULL', offset: expect.any(Number) });
  });

  const mayMount = process.getuid?.() === 0 && process.platform === 'linux';
  it.runIf(mayMount)('in the stream, on a disk without space', async () => {
    const dir = join(temp.path, 'disk');
    mkdirSync(dir);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', dir]);
    try {
      const error = await overflow('--dir', dir);
      expect(error).toMatchObject({ code: 'SPOOL_DISK_FULL', offset: expect.any(Number) });
      expect(error.message).toMatch(/no space left.*--dir/);
      expect(error.message).toContain(dir);
      expect(readdirSync(dir)).toEqual([]);
    } finally {
      execFileSync('umount', [dir]);
    }
  });
});
