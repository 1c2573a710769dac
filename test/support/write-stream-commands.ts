/**
 * Streams. Reading, acknowledging, claiming and deleting need ids that exist. So there are two kinds of keys: `stream`, whose ids the
 * server makes, and `story`, which is written anew from 1-1 on, with a group that reads, acknowledges and claims what stands there.
 */
import type { Random } from './random.ts';
import type { Arg } from './resp-client.ts';
import { type Family, keyOf, one, value } from './write-values.ts';

const stream = (r: Random): Arg => keyOf(r, 'stream');
const story = (r: Random): Arg => keyOf(r, 'story');
const either = (r: Random): Arg => keyOf(r, r.pick(['stream', 'story']));
const group = (r: Random): string => `g${r.int(2)}`;
const consumer = (r: Random): string => `c${r.int(3)}`;
const id = (r: Random): string => `1-${1 + r.int(9)}`;

const fields = (r: Random): Arg[] => r.times(1 + r.int(4), (i) => [`f${i}`, value(r)]).flat();

function tell(r: Random): Arg[][] {
  const key = story(r);
  const g = group(r);
  return [
    ['UNLINK', key],
    ...r.times(2 + r.int(8), (i) => ['XADD', key, `1-${i + 1}`, ...fields(r)]),
    ['XGROUP', 'CREATE', key, g, '0'],
    ['XREADGROUP', 'GROUP', g, consumer(r), 'COUNT', 4, 'STREAMS', key, '>'],
    ['XACK', key, g, id(r), id(r)],
    ['XCLAIM', key, g, consumer(r), 0, '1-1', '1-2', id(r)],
    ['XDEL', key, id(r)],
  ];
}

export const streamFamilies: readonly Family[] = [
  one(
    10,
    (r) => ['XADD', stream(r), '*', ...fields(r)],
    (r) => ['XADD', stream(r), 'MAXLEN', '~', 100, '*', ...fields(r)],
    (r) => ['XADD', stream(r), 'MAXLEN', 20, '*', ...fields(r)],
    (r) => ['XGROUP', 'CREATE', stream(r), group(r), r.pick(['0', '$']), 'MKSTREAM'],
    (r) => ['XREADGROUP', 'GROUP', group(r), consumer(r), 'COUNT', 5, 'STREAMS', stream(r), '>'],
    (r) => ['XTRIM', stream(r), 'MAXLEN', r.int(30)],
  ),
  { weight: 5, make: tell },
  one(
    6,
    (r) => ['XREADGROUP', 'GROUP', group(r), consumer(r), 'COUNT', 2, 'NOACK', 'STREAMS', either(r), '>'],
    (r) => ['XACK', story(r), group(r), id(r), id(r)],
    (r) => ['XCLAIM', story(r), group(r), consumer(r), 0, id(r), 'FORCE', 'JUSTID'],
    (r) => ['XDEL', story(r), id(r), id(r)],
    (r) => ['XGROUP', 'DELCONSUMER', either(r), group(r), consumer(r)],
    (r) => ['XGROUP', 'DESTROY', either(r), group(r)],
    (r) => ['XGROUP', 'SETID', either(r), group(r), '0'],
  ),
  {
    weight: 3,
    since: 602,
    make: (r) => {
      const key = either(r);
      const g = group(r);
      return [
        ['XGROUP', 'CREATECONSUMER', key, g, 'idle'],
        ['XAUTOCLAIM', key, g, consumer(r), 0, '-', 'COUNT', 2],
        ['XTRIM', key, 'MINID', id(r)],
      ];
    },
  },
  { weight: 1, since: 700, make: (r) => [['XSETID', stream(r), '99999999999999-1', 'ENTRIESADDED', 100000]] },
];
