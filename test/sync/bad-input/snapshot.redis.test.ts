/** Snapshots that a real server does not send on demand: too new, damaged, unknown, cut short. A double plays the source. */
import { readFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ErrorEvent } from '../../../src/engine/events.ts';
import { failSync, startSync } from '../../support/failed-run.ts';
import { RedisServer } from '../../support/redis-server.ts';
import {
  entry,
  FULLRESYNC,
  markedSnapshot,
  rdb,
  SourceDouble,
  sizedSnapshot,
} from '../../support/source-double.ts';

const real = readFileSync(new URL('../../fixtures/rdb/redis-7.0.15.rdb', import.meta.url));
const STRING = 0;
/** Type, key, count, element. */
const LIST_OF_A = Buffer.from('\x01\x01l\x01\x01a', 'latin1');
/** Redis 7.4: type, key, when the first field expires (the year 2100), count, and the one field's distance from it, name and value. */
const TIMED_HASH = Buffer.from('\x18\x01h\x00\x08\xbb\x87\xbb\x03\x00\x00\x01\x01\x01f\x01v', 'latin1');

let target: RedisServer;
beforeAll(async () => {
  target = await RedisServer.start();
});
afterAll(() => target.stop());

/** Runs against a double that answers PSYNC so; adds how many keys the target holds afterwards. */
async function failWith(psync: (socket: Socket) => void): Promise<ErrorEvent & { keys: number }> {
  const double = await SourceDouble.start({ psync });
  await target.call('FLUSHALL');
  try {
    const error = await failSync(double.url, target.url);
    return { ...error, keys: Number(await target.call('DBSIZE')) };
  } finally {
    await double.stop();
  }
}

const sending = (bytes: Buffer) => (socket: Socket) => void socket.write(bytes);

describe('a snapshot of a version that the target can not read', () => {
  it.each([
    ['of the next version', 11],
    ['of Redis 8', 12],
  ])('%s: its values are given in an older form', async (_name, version) => {
    const body = Buffer.concat([LIST_OF_A, entry(STRING, 'k', 'v')]);
    const psync = sending(sizedSnapshot(rdb(version, body)));
    const double = await SourceDouble.start({ psync });
    await target.call('FLUSHALL');
    const naru = startSync(double.url, target.url);
    try {
      expect(await naru.untilEvent('snapshot_done')).toMatchObject({ keys: 2 });
      expect(await target.text('LRANGE', 'l', 0, -1)).toBe('a');
      expect(await target.text('GET', 'k')).toBe('v');
    } finally {
      await naru.stop('SIGKILL');
      await double.stop();
    }
  });

  it('a value that the target has no place for: said where it stands', async () => {
    const error = await failWith(sending(sizedSnapshot(rdb(12, TIMED_HASH))));
    expect(error).toMatchObject({ code: 'TARGET_TOO_OLD', side: 'target', key: 'h', db: 0 });
    expect(error.message).toMatch(/redis 7\.0\.15.*Redis 7\.4/);
    expect(error.keys).toBe(0);
  });

  it('one that Naru itself does not know is no guess either', async () => {
    const error = await failWith(sending(sizedSnapshot(rdb(99, entry(STRING, 'k', 'v')))));
    expect(error).toMatchObject({ code: 'BAD_FORMAT', side: 'source', offset: expect.any(Number) });
    expect(error.message).toMatch(/version.*99/);
    expect(error.keys).toBe(0);
  });
});

describe.each([
  ['with a length', sizedSnapshot],
  ['with a mark', markedSnapshot],
])('a damaged snapshot %s', (_name, snapshot) => {
  it.each([0.2, 0.5, 0.9])('a flipped bit at %d of it', async (part) => {
    const damaged = Buffer.from(real);
    const at = Math.floor(real.length * part);
    damaged[at] = (damaged[at] as number) ^ 0x10;
    const error = await failWith(sending(snapshot(damaged)));
    // The target itself refuses an entry whose inner form the bit has broken.
    expect(error.code).toMatch(/^(CHECKSUM_MISMATCH|BAD_FORMAT|TARGET_TOO_OLD|TARGET_REJECTED)$/);
    expect(error.offset).toBeGreaterThan(0);
    expect(error.offset).toBeLessThanOrEqual(real.length);
  });

  it('a flipped bit in a string: only the checksum shows it', async () => {
    const damaged = Buffer.from(real);
    // The last bytes before the end's opcode belong to a value or an information field; the checksum itself is the sure place.
    damaged[real.length - 3] = (damaged[real.length - 3] as number) ^ 1;
    const error = await failWith(sending(snapshot(damaged)));
    expect(error).toMatchObject({ code: 'CHECKSUM_MISMATCH', side: 'source', offset: real.length - 8 });
    expect(error.advice).toContain('start again');
  });

  it('an unknown type: named with key and offset', async () => {
    const body = Buffer.concat([entry(STRING, 'a', '1'), entry(99, 'k', 'v')]);
    const error = await failWith(sending(snapshot(rdb(10, body))));
    expect(error).toMatchObject({ code: 'BAD_FORMAT', side: 'source', key: 'k', offset: 11 + 5 });
    expect(error.message).toMatch(/unknown type.*99/);
  });

  it('an RDB that ends before the source says', async () => {
    const error = await failWith(
      sending(snapshot(Buffer.concat([rdb(10, entry(STRING, 'k', 'v')), Buffer.from('more')]))),
    );
    expect(error).toMatchObject({ code: 'BAD_FORMAT', side: 'source', offset: expect.any(Number) });
  });

  it('an RDB that does not end where the source says', async () => {
    const whole = rdb(10, entry(STRING, 'k', 'v'));
    const error = await failWith(sending(snapshot(whole.subarray(0, whole.length - 5))));
    expect(error).toMatchObject({ code: 'BAD_FORMAT', side: 'source', offset: whole.length - 5 });
    expect(error.message).toContain('breaks off');
  });

  it.each([0, 5, 1000])('cut after %d bytes of the RDB', async (bytes) => {
    const before = snapshot(real).indexOf('REDIS0');
    const error = await failWith((socket) => socket.end(snapshot(real).subarray(0, before + bytes)));
    expect(error).toMatchObject({ code: 'SNAPSHOT_BROKEN_OFF', side: 'source', offset: bytes });
    expect(error.message).toContain(`${bytes} bytes`);
    expect(error.advice).toContain('--on-conflict overwrite');
  });
});

describe('an answer to PSYNC', () => {
  it('a full copy that the source could not make', async () => {
    const error = await failWith((socket) => socket.write(`${FULLRESYNC}\n\n-ERR BGSAVE failed\r\n`));
    expect(error).toMatchObject({ code: 'SNAPSHOT_BROKEN_OFF', side: 'source' });
    expect(error.message).toContain('BGSAVE failed');
  });

  it('that nobody knows: shown as it is', async () => {
    const error = await failWith((socket) => socket.write('+WELCOME\r\n'));
    expect(error).toMatchObject({ code: 'BAD_FORMAT', side: 'source' });
    expect(error.message).toContain('WELCOME');
  });

  it('an offer to continue what never began', async () => {
    const error = await failWith((socket) => socket.write('+CONTINUE\r\n'));
    expect(error).toMatchObject({ code: 'BAD_FORMAT', side: 'source' });
  });

  it.each([
    ['a word that is no command', 'nonsense\r\n'],
    ['a count that can not be', '*-7\r\n'],
  ])('a stream of %s: named with its offset', async (_name, stream) => {
    const whole = rdb(10, entry(STRING, 'k', 'v'));
    const good = '*1\r\n$4\r\nPING\r\n';
    const error = await failWith((socket) => {
      socket.write(Buffer.concat([sizedSnapshot(whole), Buffer.from(good + stream)]));
    });
    expect(error).toMatchObject({ code: 'BAD_FORMAT', side: 'source', offset: expect.any(Number) });
    expect(error.keys).toBe(1);
  });

  it('one that closes at once', async () => {
    const error = await failWith((socket) => socket.end());
    expect(error).toMatchObject({ code: 'LINK_LOST', side: 'source' });
  });
});
