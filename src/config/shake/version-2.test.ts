import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { shakeIn } from '../config-file.ts';
import type { ShakeMapping } from './mapping.ts';

function map(name: string): ShakeMapping {
  const path = fileURLToPath(new URL(`../../../test/fixtures/shake/${name}`, import.meta.url));
  return shakeIn(readFileSync(path, 'utf8'), path) as ShakeMapping;
}

describe('redis-shake.conf', () => {
  it('for sync', () => {
    const { command, options, secrets, unsupported, notNeeded } = map('sync.conf');
    expect(command).toBe('sync');
    expect(Object.fromEntries([...options, ...secrets])).toEqual({
      from: 'redis+sentinel://10.0.0.1:26379,10.0.0.2:26379/mymaster',
      'prefer-replica': 'true',
      'from-password': 'pa$sword',
      'to-topology': 'cluster',
      to: 'redis://10.0.1.1:7000,10.0.1.2:7000',
      'on-conflict': 'overwrite',
      'include-db': ['0', '5'],
      'exclude-prefix': ['tmp:', 'cache:'],
      'exclude-command': ['flushall', 'flushdb'],
      'big-key-size': '524288000',
    });
    expect(unsupported.map((line) => line.replace(/:.*/s, ''))).toEqual(['filter.lua', 'replace_hash_tag']);
    expect(notNeeded).toContain('qps: of the mode rump alone');
  });

  it("for rump from Alibaba Cloud's proxy", () => {
    const { command, options, secrets } = map('rump.conf');
    expect(command).toBe('scan');
    const { 'db-map': maps, ...rest } = Object.fromEntries([...options, ...secrets]);
    expect(rest).toEqual({
      from: 'redis://r-1234.redis.rds.aliyuncs.com:6379',
      'from-topology': 'aliyun-proxy',
      'from-password': 'secret',
      to: 'redis://10.0.1.1:6379',
      'on-conflict': 'fail',
      count: '50',
      'rate-keys': '1000',
    });
    expect(maps).toContain('3=0');
  });

  it.each([
    ['tencent_cluster', 'tencent-proxy', []],
    ['codis', 'proxy', ['scan.special_cloud']],
  ])('for rump from %s', (cloud, topology, expected) => {
    const text = `source.type = proxy\nsource.address = a:1\nscan.special_cloud = ${cloud}\n`;
    const { options, unsupported } = shakeIn(text, 'x.conf') as ShakeMapping;
    expect(options.get('from-topology')).toBe(topology);
    expect(unsupported.map((line) => line.replace(/:.*/s, ''))).toEqual(expected);
  });

  it('does not promise that a run that has ended is resumed', () => {
    const text = 'source.type = standalone\nsource.address = a:1\nresume_from_break_point = true\n';
    const { unsupported } = shakeIn(text, 'x.conf') as ShakeMapping;
    expect(unsupported.join()).toContain('resume_from_break_point');
  });
});
