import { describe, expect, it } from 'vitest';
import type { Reply } from '../../protocol/resp/reply.ts';
import { readClusterView } from './cluster-view.ts';

const ASKED = { host: 'asked', port: 7000 };
const read = (text: string, slots: Reply = []) => readClusterView(text, slots, ASKED);
const announced = (text: string, slots?: Reply) =>
  [...(read(text, slots)?.nodes.values() ?? [])].map(
    (node) => `${node.announced.host} ${node.announced.port}`,
  );

describe('readClusterView', () => {
  it('reads nodes, slots and moves', () => {
    const view =
      read(`a 10.0.0.1:1@2,,tls-port=0,shard-id=s myself,master - 0 0 5 connected 0-10 12 [7->-b] [13-<-b]
b 10.0.0.2:1@2 master,fail - 1 2 6 disconnected 13-16383
c 10.0.0.3:1@2 slave b 1 2 6 connected
d :0@0 master,noaddr - 0 0 0 disconnected
e 10.0.0.5:1@2 handshake - 0 0 0 disconnected\n`);
    expect(view?.selfId).toBe('a');
    expect([...(view?.nodes.keys() ?? [])]).toEqual(['a', 'b', 'c']);
    expect(view?.nodes.get('a')).toEqual({
      id: 'a',
      announced: { host: '10.0.0.1', port: 1 },
      master: true,
      failed: false,
      connected: true,
      epoch: 5,
      slots: [
        { first: 0, last: 10 },
        { first: 12, last: 12 },
      ],
    });
    expect(view?.nodes.get('b')).toMatchObject({ failed: true, connected: false, master: true });
    expect(view?.nodes.get('c')).toMatchObject({ master: false, masterId: 'b' });
    expect(view?.moves).toEqual([
      { slot: 7, ownerId: 'a', importerId: 'b' },
      { slot: 13, ownerId: 'b', importerId: 'a' },
    ]);
  });

  it.each([
    ['without a bus port, as before 4.0', 'a 10.0.0.1:1 myself,master - 0 0 0 connected', [], ['10.0.0.1 1']],
    ['IPv6', 'a fe80::1:1@2 myself,master - 0 0 0 connected', [], ['fe80::1 1']],
    ['no address yet', 'a :1@2 myself,master - 0 0 0 connected', [], ['asked 1']],
    [
      'an empty host in CLUSTER SLOTS',
      'a 9.9.9.9:1@2 myself,master - 0 0 0 connected',
      [[0, 1, ['', 1, 'a']]],
      ['asked 1'],
    ],
    [
      'no host in CLUSTER SLOTS',
      'a 9.9.9.9:1@2 myself,master - 0 0 0 connected',
      [[0, 1, [null, 1, 'a', []]]],
      ['asked 1'],
    ],
    [
      'a name that is not set',
      'a 9.9.9.9:1@2 myself,master - 0 0 0 connected',
      [[0, 1, ['?', 1, 'a', []]]],
      ['9.9.9.9 1'],
    ],
    [
      'a name that is not preferred',
      'a 9.9.9.9:1@2,n myself,master - 0 0 0 connected',
      [[0, 1, ['9.9.9.9', 1, 'a']]],
      ['9.9.9.9 1'],
    ],
    [
      'names that are not preferred, of a node without slots too',
      'a 9.9.9.9:1@2,n myself,master - 0 0 0 connected\nb 9.9.9.8:1@2,m master - 0 0 0 connected',
      [[0, 1, ['9.9.9.9', 1, 'a', []]]],
      ['9.9.9.9 1', '9.9.9.8 1'],
    ],
    [
      'a preferred name, also of a node without slots',
      'a 9.9.9.9:1@2,n myself,master - 0 0 0 connected\nb 9.9.9.8:1@2,m master - 0 0 0 connected',
      [[0, 1, [Buffer.from('n'), 1, Buffer.from('a'), []]]],
      ['n 1', 'm 1'],
    ],
  ] as [string, string, Reply, string[]][])('knows %s', (_, text, slots, expected) => {
    expect(announced(text, slots)).toEqual(expected);
  });

  it.each([
    '',
    'a 10.0.0.1:1@2 master - 0 0 0 connected',
    'a 10.0.0.1 myself,master - 0 0 0 connected',
    'a 10.0.0.1:1@2 myself,master - 0 0 x connected',
    'a 10.0.0.1:1@2 myself,master - 0 0 0 connected 1-x',
    '<html>',
  ])('does not guess: %j', (text) => {
    expect(read(text)).toBeUndefined();
  });
});
