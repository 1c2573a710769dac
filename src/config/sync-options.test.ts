import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, expectTypeOf, it } from 'vitest';
import { Secret } from '../net/secret.ts';
import { type ResolvedSyncOptions, resolveSyncOptions, type SyncOptions } from './sync-options.ts';

let dir: string;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'naru-options-'));
});
afterEach(() => rmSync(dir, { recursive: true }));

function file(name: string, text: string): string {
  const path = join(dir, name);
  writeFileSync(path, text);
  return path;
}

const plain = { from: 'redis://a:1', to: 'redis://b:2' };
const tls = { from: 'rediss://a:1', to: 'rediss://b:2' };

describe('resolveSyncOptions', () => {
  it('fills in every default', () => {
    expect(resolveSyncOptions(plain)).toEqual({
      from: { host: 'a', port: 1, db: 0, tls: false },
      to: { host: 'b', port: 2, db: 0, tls: false },
      fromTls: undefined,
      toTls: undefined,
      fromTopology: undefined,
      toTopology: undefined,
      fromAddressMap: undefined,
      toAddressMap: undefined,
      preferReplica: false,
      parallelSnapshots: 2,
      onConflict: undefined,
      untilSynced: false,
      functions: 'copy',
      publish: false,
      psyncCommand: 'PSYNC',
      dir: './naru-data',
      spoolMemory: 16 * 2 ** 20,
      spoolMax: 64 * 2 ** 30,
      lossy: false,
      inFlight: 4 * 2 ** 20,
      bigKeySize: 16 * 2 ** 20,
      connectTimeout: 5000,
      giveUpAfter: Number.POSITIVE_INFINITY,
      drainTimeout: 10_000,
      progressInterval: 1000,
      rateKeys: 0,
      rateBytes: 0,
      transformErrors: 'fail',
    });
  });

  it('resolves its own result to the same', () => {
    const ca = file('ca.pem', 'CA');
    const passwordFile = file('password', 'p');
    const once = resolveSyncOptions({
      ...tls,
      tlsCa: ca,
      fromPasswordFile: passwordFile,
      onConflict: 'skip',
    });
    rmSync(passwordFile);
    expect(resolveSyncOptions(once)).toEqual(once);
  });

  it('has the types that the table says', () => {
    expectTypeOf<SyncOptions['onConflict']>().toEqualTypeOf<'overwrite' | 'skip' | 'fail' | undefined>();
    expectTypeOf<SyncOptions['spoolMemory']>().toEqualTypeOf<number | string | undefined>();
    expectTypeOf<SyncOptions['toTlsInsecure']>().toEqualTypeOf<boolean | undefined>();
    expectTypeOf<ResolvedSyncOptions['spoolMemory']>().toEqualTypeOf<number>();
    expectTypeOf<ResolvedSyncOptions['functions']>().toEqualTypeOf<'copy' | 'skip'>();
    expectTypeOf<ResolvedSyncOptions['onConflict']>().toEqualTypeOf<
      'overwrite' | 'skip' | 'fail' | undefined
    >();
    expectTypeOf<ResolvedSyncOptions>().toExtend<SyncOptions>();
    expectTypeOf<SyncOptions>().not.toHaveProperty('json');
    expectTypeOf<ResolvedSyncOptions>().not.toHaveProperty('tlsCa');
    expectTypeOf<ResolvedSyncOptions>().not.toHaveProperty('fromUsername');
  });

  it('lets user and password options override those in the URL', () => {
    const { from, to } = resolveSyncOptions({
      from: 'redis://old:wrong@a',
      to: 'redis://keep:kept@b',
      fromUsername: 'new',
      fromPassword: 'right',
    });
    expect([from.username, from.password?.reveal()]).toEqual(['new', 'right']);
    expect([to.username, to.password?.reveal()]).toEqual(['keep', 'kept']);
  });

  it.each([
    ['p@ss $w\n', 'p@ss $w'],
    ['windows\r\nsecond line\r\n', 'windows'],
    ['no newline', 'no newline'],
    [' spaces count \n', ' spaces count '],
  ])('takes the first line of a password file: %j', (content, password) => {
    const { to } = resolveSyncOptions({ ...plain, toPasswordFile: file('p', content) });
    expect(to.password?.reveal()).toBe(password);
  });

  it('reads TLS files, and lets one side have its own', () => {
    const { fromTls, toTls } = resolveSyncOptions({
      ...tls,
      tlsCa: file('ca', 'CA'),
      tlsCert: file('cert', 'CERT'),
      tlsKey: file('key', 'KEY'),
      toTlsCa: file('ca2', 'CA2'),
      toTlsServerName: 'redis.internal',
      tlsInsecure: true,
      toTlsInsecure: false,
    });
    const pair = { cert: Buffer.from('CERT'), key: Buffer.from('KEY') };
    expect(fromTls).toEqual({ insecure: true, ca: Buffer.from('CA'), ...pair });
    expect(toTls).toEqual({ insecure: false, ca: Buffer.from('CA2'), ...pair, serverName: 'redis.internal' });
  });

  it('takes TLS material in memory', () => {
    const fromTls = { ca: Buffer.from('CA') };
    expect(resolveSyncOptions({ ...tls, fromTls }).fromTls).toBe(fromTls);
  });

  it('gives no TLS to a side that does not speak it', () => {
    const mixed = { from: 'redis://a', to: 'rediss://b', tlsCa: file('ca', 'CA') };
    expect(resolveSyncOptions(mixed).fromTls).toBeUndefined();
    expect(resolveSyncOptions(mixed).toTls?.ca).toEqual(Buffer.from('CA'));
  });

  it.each<[string, () => object, string]>([
    ['an unknown option', () => ({ spoolMax2: 1 }), 'spoolMax2 is no option of sync; did you mean spoolMax?'],
    ['an option of the command line', () => ({ json: true }), 'json is no option of sync'],
    ['a value that is not allowed', () => ({ onConflict: 'merge' }), 'allowed: overwrite, skip, fail'],
    [
      'a CA that no side uses',
      () => ({ tlsCa: 'ca' }),
      'tlsCa (option) is given, but neither from nor to is a rediss://',
    ],
    [
      'a CA for a side without TLS',
      () => ({ fromTlsCa: 'ca' }),
      'from-tls-ca (option fromTlsCa) is given, but from is not',
    ],
    [
      'TLS material for a side without TLS',
      () => ({ toTls: {} }),
      'toTls is given, but to is not a rediss:// address',
    ],
    [
      'a file that is not there',
      () => ({ ...tls, tlsCa: '/none' }),
      'tls-ca (option): can not read /none (ENOENT)',
    ],
    [
      'a certificate without key',
      () => ({ ...tls, toTlsCert: file('c', 'C') }),
      'tls-cert and tls-key belong together',
    ],
    ['an empty password file', () => ({ fromPasswordFile: file('p', '\nx') }), 'the first line of'],
    [
      'both forms of a password',
      () => ({ fromPassword: 'hunter2', fromPasswordFile: 'p' }),
      'give one of them',
    ],
  ])('refuses %s', (_, options, message) => {
    expect(() => resolveSyncOptions({ ...plain, ...options() })).toThrow(message);
  });

  it.each(['from', 'to'] as const)('needs %s', (side) => {
    expect(() => resolveSyncOptions({ ...plain, [side]: undefined })).toThrow(
      expect.objectContaining({
        code: 'USAGE',
        message: expect.stringContaining(`${side} is missing: give --${side} <url>`),
      }),
    );
  });

  it('names the place that a value came from', () => {
    expect(() =>
      resolveSyncOptions({ ...plain, inFlight: 'x' }, { inFlight: 'naru.toml: in_flight' }),
    ).toThrow(/^in-flight \(naru\.toml: in_flight\): the value "x"/);
  });

  it('prints no secret, however it is printed', () => {
    const resolved = resolveSyncOptions({
      ...plain,
      fromPassword: 'hunter2',
      toPassword: Secret.of('hunter3'),
    });
    expect(JSON.stringify(resolved)).not.toMatch(/hunter/);
  });
});

describe('several servers at one address', () => {
  const group = 'redis+sentinel://u:p@h1:1,h2/mymaster';

  it('gives the sentinels their own login', () => {
    const { from } = resolveSyncOptions({
      ...plain,
      from: group,
      fromSentinelUsername: 'guard',
      fromSentinelPasswordFile: file('sentinel', 'secret\n'),
    });
    expect(from.seeds).toEqual([
      { host: 'h1', port: 1 },
      { host: 'h2', port: 26379 },
    ]);
    expect(from.sentinel).toMatchObject({ master: 'mymaster', username: 'guard' });
    expect(from.sentinel?.password?.reveal()).toBe('secret');
    expect(from.password?.reveal()).toBe('p');
  });

  it('reads address maps, in one text or several', () => {
    const one = resolveSyncOptions({ ...plain, fromAddressMap: 'a:1=b:2,c=d' }).fromAddressMap;
    const two = resolveSyncOptions({ ...plain, toAddressMap: ['a:1=b:2', 'c=d'] }).toAddressMap;
    for (const map of [one, two]) {
      expect(map?.translate('a', 1)).toEqual({ host: 'b', port: 2 });
      expect(map?.translate('c', 7)).toEqual({ host: 'd', port: 7 });
    }
    expect(() => resolveSyncOptions({ ...plain, fromAddressMap: 'a:1=b' })).toThrow(/address-map/);
  });

  it('takes a proxy for a proxy', () => {
    const read = resolveSyncOptions({ ...plain, toTopology: 'proxy', fromTopology: 'aliyun-proxy' });
    expect([read.toTopology, read.fromTopology]).toEqual(['proxy', 'aliyun-proxy']);
    expect(() => resolveSyncOptions({ ...plain, toTopology: 'aliyun-proxy' as 'proxy' })).toThrow(
      /to-topology.*standalone, sentinel, cluster, proxy$/,
    );
  });
});
