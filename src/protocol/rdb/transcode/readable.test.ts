import { describe, expect, it } from 'vitest';
import { payloadVersion } from './readable.ts';

describe('payloadVersion', () => {
  const redis = (version: number): number[] =>
    [6, 7, 8, 9, 10, 11, 12, 13].map((newest) =>
      payloadVersion({ redis: newest, valkey: false }, 'redis', version),
    );

  it('is that of the RDB where the server takes it, else the newest that it takes', () => {
    expect(redis(10)).toEqual([6, 7, 8, 9, 10, 10, 10, 10]);
    expect(redis(13)).toEqual([6, 7, 8, 9, 10, 11, 12, 13]);
  });

  it('is never older than RESTORE, and the own one of servers that take no other', () => {
    expect(redis(1)).toEqual([6, 7, 6, 6, 6, 6, 6, 6]);
    expect(redis(6)).toEqual([6, 7, 6, 6, 6, 6, 6, 6]);
  });

  it('is 80 for a Valkey that writes it too, where it does not take the one of the RDB', () => {
    const valkey9 = { redis: 11, valkey: true };
    expect(payloadVersion(valkey9, 'valkey', 80)).toBe(80);
    expect(payloadVersion(valkey9, 'redis', 12)).toBe(80);
    expect(payloadVersion(valkey9, 'redis', 11)).toBe(11);
  });

  it('is one of Redis for the values of a Valkey, where the server is none', () => {
    expect(payloadVersion({ redis: 12, valkey: false }, 'valkey', 80)).toBe(12);
    expect(payloadVersion({ redis: 6, valkey: false }, 'valkey', 80)).toBe(6);
  });
});
