import { chmodSync, mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { failAfterWrite, failRead } from '../../test/support/spool-faults.ts';
import {
  bytesAt,
  dir,
  failureOf,
  KIB,
  onDisk,
  put,
  putAll,
  readTo,
  small,
  useTempFolder,
} from '../../test/support/spool-kit.ts';

useTempFolder();

describe('failures', () => {
  it('ENOSPC: says where, how much, and which knob', async () => {
    const spool = await small({ files: failAfterWrite(5 * KIB + 7, 'ENOSPC') });
    const error = await failureOf(putAll(spool, 50 * KIB));
    expect(error.code).toBe('SPOOL_DISK_FULL');
    expect(error.place.side).toBe('spool');
    expect(error.message).toBe(
      `no space left on the device: the spool in ${dir} holds 5.0 KiB and may need 100.0 MiB more ` +
        '(--spool-max); free that much, or name another directory with --dir',
    );
    expect(spool.failure).toBe(error);
    expect(spool.writable).toBe(false);
    expect(await failureOf(spool.whenReadable())).toBe(error);
  });

  it('EDQUOT is a full disk, EIO is not', async () => {
    const quota = await small({ files: failAfterWrite(0, 'EDQUOT') });
    expect((await failureOf(putAll(quota, 50 * KIB))).code).toBe('SPOOL_DISK_FULL');
    const broken = await small({ files: failAfterWrite(0, 'EIO') });
    const error = await failureOf(putAll(broken, 50 * KIB));
    expect(error.code).toBe('SPOOL_FAILED');
    expect(error.message).toContain(`${dir} can not be used: EIO`);
  });

  it('a read that fails reaches the reader', async () => {
    const spool = await small({ files: failRead('EIO') });
    await putAll(spool, 20 * KIB);
    expect((await failureOf(spool.whenReadable())).code).toBe('SPOOL_FAILED');
  });

  it('SPOOL_FULL at exactly diskBytesMax', async () => {
    const spool = await small({ diskBytesMax: 10 * KIB });
    await putAll(spool, 13 * KIB);
    expect(spool.failure).toBeUndefined();
    const error = await failureOf(putAll(spool, 10 * KIB));
    expect(error.code).toBe('SPOOL_FULL');
    expect(spool.diskBytes).toBe(10 * KIB);
    expect(error.message).toMatch(
      /holds the 10 KiB that it may \(--spool-max\): 1[34](\.\d)? KiB from the source wait/,
    );
  });

  it('takes a commit of space() that was given out before the failure', async () => {
    const spool = await small({ writeBehindBytes: 0, files: failAfterWrite(0, 'ENOSPC') });
    put(spool, 10);
    const space = spool.space();
    while (spool.failure === undefined) await turn();
    bytesAt(10, 5).copy(space);
    spool.commit(5);
    expect(spool.end).toBe(15);
  });

  it('refuses a directory that is a file', async () => {
    writeFileSync(dir, '');
    const error = await failureOf(small());
    expect(error.code).toBe('SPOOL_FAILED');
    expect(error.message).toContain(dir);
  });

  it.skipIf(process.getuid?.() === 0)('refuses a directory that it may not write to', async () => {
    mkdirSync(dir);
    chmodSync(dir, 0o500);
    expect((await failureOf(small())).code).toBe('SPOOL_FAILED');
  });

  it('refuses more bytes than space() gave', async () => {
    const spool = await small();
    const n = spool.space().length;
    expect(() => spool.commit(n + 1)).toThrow('space() gave 1024');
    expect(() => spool.commit(-1)).toThrow('commit of -1');
  });
});

describe('the directory', () => {
  it('is for its owner only', async () => {
    await small();
    expect(statSync(dir).mode & 0o777).toBe(0o700);
    const [name] = readdirSync(dir);
    expect(statSync(join(dir, name as string)).mode & 0o777).toBe(0o600);
  });

  it('stays when it was there before, and loses segments of an earlier run', async () => {
    mkdirSync(dir);
    writeFileSync(join(dir, 'naru-spool-0000000000000000'), 'old');
    writeFileSync(join(dir, 'naru-spool-0000000000004096'), 'old');
    writeFileSync(join(dir, 'notes'), 'mine');
    const spool = await small({ writeBehindBytes: 0 });
    expect(readdirSync(dir).sort()).toEqual(['naru-spool-0000000000000000', 'notes']);
    expect(onDisk()).toBe(4);
    await spool.close();
    expect(readdirSync(dir)).toEqual(['notes']);
  });

  it('stays when somebody else put something there', async () => {
    const spool = await small();
    writeFileSync(join(dir, 'notes'), 'mine');
    await spool.close();
    expect(readdirSync(dir)).toEqual(['notes']);
  });

  it('may be shared by mistake: nobody reads the bytes of another', async () => {
    const one = await small({ writeBehindBytes: 0 });
    await putAll(one, 10 * KIB);
    const two = await small({ writeBehindBytes: 0 });
    for (let round = 0; round < 100; round++) {
      await two.whenWritable();
      const n = Math.min(two.space().length, 200);
      two.space().fill(1, 0, n);
      two.commit(n);
      await putAll(one, 100);
    }
    await readTo(one, one.end);
  });
});
