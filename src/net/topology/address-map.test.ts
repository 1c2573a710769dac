import { describe, expect, it } from 'vitest';
import { isNaruError } from '../../errors/errors.ts';
import { AddressMap } from './address-map.ts';

describe('AddressMap', () => {
  it.each([
    [['10.0.0.5:6379=127.0.0.1:16379'], '10.0.0.5', 6379, '127.0.0.1', 16379],
    [['10.0.0.5:6379=127.0.0.1:16379'], '10.0.0.5', 6380, '10.0.0.5', 6380],
    [['10.0.0.5=bastion'], '10.0.0.5', 7001, 'bastion', 7001],
    [['h=a', 'h:1=b:2'], 'h', 1, 'b', 2],
    [['h=a', 'h:1=b:2'], 'h', 3, 'a', 3],
    [['x=y , Redis-1=r'], 'redis-1', 1, 'r', 1],
    [['redis-1:1=r:2'], 'REDIS-1', 1, 'r', 2],
    [['[fe80::1]:6379=[::1]:7000'], 'fe80::1', 6379, '::1', 7000],
    [['[fe80::1]=h'], 'fe80::1', 6379, 'h', 6379],
    [[], 'h', 1, 'h', 1],
  ])('%j makes of %s %i %s %i', (rules, host, port, toHost, toPort) => {
    expect(AddressMap.parse(rules).translate(host, port)).toEqual({ host: toHost, port: toPort });
  });

  it.each([
    'h',
    'h=',
    '=h',
    'a=b=c',
    'a:1=b',
    'a=b:1',
    'a:0=b:1',
    'a:1=b:65536',
    '::1=h',
    '[x]=h',
    'a b=c',
    'a=x,A=y',
  ])('refuses %s', (rule) => {
    let thrown: unknown;
    try {
      AddressMap.parse([rule]);
    } catch (error) {
      thrown = error;
    }
    expect(isNaruError(thrown) && thrown.code).toBe('CONFIG_INVALID');
  });
});
