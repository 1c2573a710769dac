import { expect, it } from 'vitest';
import { rangesWhere, type Topology, type TopologyNode } from '../net/topology/topology.ts';
import { Shard } from './shard.ts';

const node = (id: string, more: Partial<TopologyNode> = {}): TopologyNode => ({
  id,
  host: id,
  port: 1,
  announced: { host: id, port: 1 },
  role: 'master',
  slots: [],
  linkUp: true,
  failed: false,
  reached: true,
  ...more,
});

function topology(nodes: TopologyNode[], owner: string): Topology {
  const owners = new Int16Array(16384).fill(nodes.findIndex(({ id }) => id === owner));
  return { kind: 'cluster', nodes, owners, moves: [], epoch: 1, warnings: [] };
}

const slots = rangesWhere(() => true);
const none = new Set<string>();
const before = topology(
  [node('a', { slots }), node('b', { role: 'replica', masterId: 'a' }), node('c')],
  'a',
);

it('stays with its master, also one that has no slots any more', () => {
  const shard = new Shard(node('a', { slots }), before);
  expect(shard.follow(topology([node('a'), node('c', { slots })], 'c'), new Set(['c']))).toBe(false);
  expect([shard.masterId, shard.lost]).toEqual(['a', false]);
});

it('follows to a replica that has its slots, though the old master does not know yet', () => {
  const shard = new Shard(node('a', { slots }), before);
  expect(shard.follow(topology([node('a'), node('b', { slots })], 'b'), none)).toBe(true);
  expect(shard.masterId).toBe('b');
});

it('follows to the master that its own became a replica of', () => {
  const shard = new Shard(node('a', { slots }), before);
  const demoted = node('a', { role: 'replica', masterId: 'b' });
  expect(shard.follow(topology([node('b', { slots }), demoted], 'b'), none)).toBe(true);
  expect(shard.masterId).toBe('b');
});

it('follows to the owner of its slots where its master is gone or down', () => {
  for (const nodes of [[node('b', { slots })], [node('b', { slots }), node('a', { failed: true })]]) {
    const shard = new Shard(node('a', { slots }), before);
    expect(shard.follow(topology(nodes, 'b'), none)).toBe(true);
    expect([shard.masterId, shard.lost]).toEqual(['b', false]);
  }
});

it('is lost where another shard has what it had', () => {
  const shard = new Shard(node('a', { slots }), before);
  const demoted = node('a', { role: 'replica', masterId: 'b' });
  expect(shard.follow(topology([node('b', { slots }), demoted], 'b'), new Set(['b']))).toBe(false);
  expect(shard.lost).toBe(true);
});
