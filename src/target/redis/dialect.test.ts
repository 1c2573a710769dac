import { describe, expect, it } from 'vitest';
import { type Dialect, dialectOf } from './dialect.ts';

/** server, the RDB version that it writes itself: the newest that it reads */
const OWN: ['redis' | 'valkey', string, number][] = [
  ['redis', '2.8.24', 6],
  ['redis', '3.2.13', 7],
  ['redis', '4.0.14', 8],
  ['redis', '5.0.14', 9],
  ['redis', '6.0.16', 9],
  ['redis', '6.2.9', 9],
  ['redis', '7.0.15', 10],
  ['redis', '7.2.4', 11],
  ['redis', '7.4.1', 12],
  ['redis', '8.0.2', 12],
  ['redis', '8.4.0', 12],
  ['redis', '8.6.3', 13],
  ['redis', '10.0.0', 13],
  ['redis', '?', 13],
  ['valkey', '7.2.5', 11],
  ['valkey', '8.1.1', 11],
  ['valkey', '9.1.2', 11],
];

const since: [keyof Dialect, string, string][] = [
  ['replace', '2.8.24', '3.0.0'],
  ['variadicHset', '3.2.13', '4.0.0'],
  ['unlink', '6.0.16', '6.2.0'],
  ['absoluteTtl', '4.0.14', '5.0.0'],
  ['streams', '4.0.14', '5.0.0'],
  ['pxat', '6.0.16', '6.2.0'],
  ['createConsumer', '6.0.16', '6.2.0'],
  ['streamCounters', '6.2.9', '7.0.0'],
  ['functions', '6.2.9', '7.0.0'],
  ['fieldExpiry', '7.2.4', '7.4.0'],
];

describe('dialectOf', () => {
  it.each(OWN)('%s %s reads RDB versions up to %i', (flavour, version, own) => {
    expect(dialectOf(flavour, version).readable.redis).toBe(own);
  });

  it.each(since)('%s: not %s, but %s', (what, before, from) => {
    expect(dialectOf('redis', before)[what]).toBe(false);
    expect(dialectOf('redis', from)[what]).toBe(true);
    expect(dialectOf('redis', '10.0.1')[what]).toBe(true);
    expect(dialectOf('redis', '?')[what]).toBe(true);
  });

  it("knows Valkey's own RDB and expiring fields from Valkey 9 on", () => {
    const own = (version: string): boolean[] => {
      const { readable, fieldExpiry } = dialectOf('valkey', version);
      return [readable.valkey, fieldExpiry];
    };
    expect(own('8.1.1')).toEqual([false, false]);
    expect(own('9.0.0')).toEqual([true, true]);
    expect(dialectOf('redis', '9.0.0').readable.valkey).toBe(false);
  });
});
