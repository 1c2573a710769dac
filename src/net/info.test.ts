import { expect, it } from 'vitest';
import { parseInfo } from './info.ts';

it('reads the fields of all sections, and values that hold colons', () => {
  const text =
    '# Server\r\nredis_version:7.0.15\r\nexecutable:/usr/bin/a:b\r\n\r\n# Keyspace\r\ndb0:keys=1,expires=0\r\nempty:\r\n';
  expect([...parseInfo(text)]).toEqual([
    ['redis_version', '7.0.15'],
    ['executable', '/usr/bin/a:b'],
    ['db0', 'keys=1,expires=0'],
    ['empty', ''],
  ]);
});
