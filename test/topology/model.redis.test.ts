/** What both sides hold in the end, told by a model that has seen no server: `npm run test:topology` has longer runs of the same. */
import { describe, expect, it } from 'vitest';
import { Model } from '../support/model.ts';
import { modelRun } from './model-run.ts';

describe('the model', () => {
  it('does what the commands say', () => {
    const model = new Model();
    const did = (text: string, reply: number | string = 0): void => model.did(text.split(' '), reply);
    did('MSET a x b y');
    did('APPEND a z');
    did('BITOP OR c a b');
    expect([model.text('a'), model.text('c')]).toEqual(['xz', 'yz']);
    did('RENAME a b');
    did('INCR n');
    did('INCR n');
    expect([model.text('a'), model.text('b'), model.text('n')]).toEqual(['', 'xz', '2']);
    for (const item of ['v3', 'v1', 'v2']) did(`RPUSH l ${item}`);
    did('LMOVE l l LEFT RIGHT');
    did('SORT l ALPHA STORE m');
    did('LPOP l');
    expect([model.list('l'), model.list('m')]).toEqual([
      ['v2', 'v3'],
      ['v1', 'v2', 'v3'],
    ]);
    did('SADD s v1');
    did('SINTERSTORE s s t');
    did('ZADD y 2 m');
    did('ZUNIONSTORE z 2 y y');
    did('XTRIM q MAXLEN 1');
    did('XADD q * f v', '1-1');
    did('COPY q r REPLACE', 1);
    expect([model.set('s').size, model.zset('z').get('m'), model.stream('r')]).toEqual([
      0,
      4,
      [['1-1', ['f', 'v']]],
    ]);
    // b, c, n, l, m, y, z, q, r
    expect(model.size).toBe(9);
  });
});

describe('a run between clusters', () => {
  it('leaves both with what the model says', async () => {
    expect(await modelRun({ from: 0, to: 3, seed: 11, commands: 3000, changes: false })).toMatch(
      /recopied [1-9]/,
    );
  });
});
