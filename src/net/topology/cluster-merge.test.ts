import { describe, expect, it } from 'vitest';
import { NaruError } from '../../errors/errors.ts';
import { parseGroup } from '../group-url.ts';
import type { Crawl } from './cluster-crawl.ts';
import { mergeViews } from './cluster-merge.ts';
import { type ClusterView, readClusterView } from './cluster-view.ts';
import { hasMovedOn, type Problem } from './finding.ts';
import type { ServerFacts } from './node-questions.ts';

const OPTIONS = { endpoint: parseGroup('h'), connectTimeoutMs: 1000, side: 'target' as const };
const FACTS: ServerFacts = {
  mode: 'cluster',
  role: 'master',
  linkUp: true,
  version: '7.0.15',
  flavour: 'redis',
  info: new Map(),
};

/** `a 5 0-10` is the master a, epoch 5; the first is the one that was asked. A `!` says that it is down, a `?` that there is no connection. */
function view(...nodes: string[]): ClusterView {
  const lines = nodes.map((node, index) => {
    const [name = '', epoch, ...slots] = node.split(' ');
    const id = name.replace(/[!?]/, '');
    const flags = `${index === 0 ? 'myself,' : ''}master${name.endsWith('!') ? ',fail' : ''}`;
    return `${id} ${id}:1@2 ${flags} - 0 0 ${epoch} ${/[!?]/.test(name) ? 'dis' : ''}connected ${slots.join(' ')}`;
  });
  return readClusterView(lines.join('\n'), [], { host: 'h', port: 1 }) as ClusterView;
}

function crawled(views: ClusterView[], away: string[] = [], facts: Partial<ServerFacts> = {}): Crawl {
  const visits = views.map((seen, index) => {
    const at = { host: seen.selfId, port: 1 };
    return [seen.selfId, { at, facts: index === 0 ? { ...FACTS, ...facts } : FACTS, view: seen }] as const;
  });
  const error = new NaruError('UNREACHABLE', 'The port is closed.');
  return { visited: new Map(visits), away: new Map(away.map((id) => [id, error])), others: [] };
}

const merge = (...args: Parameters<typeof crawled>) => mergeViews(crawled(...args), OPTIONS);

describe('mergeViews', () => {
  it('puts masters in the order of their slots', () => {
    const { topology, problem } = merge([
      view('a 1 9000-16383', 'b 2 0-8999', 'c 3'),
      view('b 2 0-8999', 'a 1 9000-16383', 'c 3'),
      view('c 3', 'a 1 9000-16383', 'b 2 0-8999'),
    ]);
    expect(problem).toBeUndefined();
    expect(topology?.nodes.map(({ id }) => id)).toEqual(['b', 'a', 'c']);
    expect([topology?.owners[8999], topology?.owners[9000]]).toEqual([0, 1]);
    expect(topology?.epoch).toBe(3);
  });

  it('takes the highest config epoch, and says that the other does not agree', () => {
    for (const views of [
      [view('a 1 0-16383', 'b 0'), view('b 7 0-99', 'a 1 100-16383')],
      [view('b 7 0-99', 'a 1 100-16383'), view('a 1 0-16383', 'b 0')],
    ]) {
      const { topology, problem } = merge(views);
      expect(topology?.nodes.map(({ id, slots }) => [id, slots])).toEqual([
        ['b', [{ first: 0, last: 99 }]],
        ['a', [{ first: 100, last: 16383 }]],
      ]);
      expect(problem?.error).toMatchObject({
        code: 'CLUSTER_DISAGREES',
        message:
          'The nodes do not agree on who owns the slots 0-99: a:1 says of 0 that it is a:1, others that it is b:1.',
      });
      expect(problem?.patienceMs).toBeUndefined();
    }
  });

  it('takes it as settled where the slots that differ are others the next time', () => {
    const differing = (slot: number, order = 1): Problem => {
      const rest = `0-${slot - 1} ${slot + 1}-99`;
      const views = [view(`a 1 0-99`, 'b 7 100-16383'), view(`b 7 ${slot} 100-16383`, `a 1 ${rest}`)];
      return merge(order > 0 ? views : views.reverse()).problem as Problem;
    };
    expect(differing(5).error.message).toContain('who owns the slots 5:');
    expect(hasMovedOn(differing(5), differing(6))).toBe(true);
    expect(hasMovedOn(differing(5), differing(5, -1))).toBe(false);
    expect(hasMovedOn(undefined, differing(5))).toBe(false);
    expect(hasMovedOn(differing(5), merge([view('a 1 0-4')]).problem as Problem)).toBe(false);
  });

  it('names uncovered slots, and has no patience to speak of', () => {
    const { problem } = merge([view('a 1 0-4 6-8 10-16382')]);
    expect(problem?.error).toMatchObject({
      code: 'CLUSTER_UNCOVERED',
      message: 'No node owns the slots 5, 9, 16383.',
    });
    expect(problem?.patienceMs).toBeLessThan(5000);
  });

  it('tells a master that only we do not reach from one that just died, and both from one that is known to be down', () => {
    const seen = merge([view('a 1 0-99', 'b 2 100-16383')], ['b']).problem;
    expect(seen?.error).toMatchObject({
      code: 'NODE_UNREACHABLE',
      message: expect.stringContaining('--to-address-map b:1='),
    });
    expect(seen?.patienceMs).toBeLessThan(5000);
    const dying = merge([view('a 1 0-99', 'b? 2 100-16383')], ['b']).problem;
    expect(dying?.error.code).toBe('NODE_UNREACHABLE');
    expect(dying?.patienceMs).toBeUndefined();
    expect(merge([view('a 1 0-99', 'b! 2 100-16383')]).problem?.error).toMatchObject({
      code: 'CLUSTER_DOWN',
      message: expect.stringContaining('b:1 to be down, and no replica has taken over its slots 100-16383'),
    });
  });

  it('takes it lightly where a node without slots is away', () => {
    const { topology, problem } = merge([view('a 1 0-16383', 'b 2')], ['b']);
    expect(problem).toBeUndefined();
    expect(topology?.warnings).toEqual([
      { code: 'NODE_AWAY', message: 'The master b:1 can not be asked: The port is closed.' },
    ]);
  });

  it('drops the marks of moves that are over', () => {
    const moved = view('a 1 0-99 [5-<-b] [200-<-b]', 'b 2 100-16383');
    expect(merge([moved, view('b 2 100-16383', 'a 1 0-99')]).topology?.moves).toEqual([
      { slot: 200, ownerId: 'b', importerId: 'a' },
    ]);
  });

  it('tells of several versions', () => {
    const views = [view('a 1 0-99', 'b 2 100-16383'), view('b 2 100-16383', 'a 1 0-99')];
    const { topology, problem } = merge(views, [], { version: '8.1.0', flavour: 'valkey' });
    expect(problem).toBeUndefined();
    expect(topology?.warnings).toEqual([
      {
        code: 'MIXED_VERSIONS',
        message: "The target cluster's nodes differ in version: 1 of redis 7.0.15, 1 of valkey 8.1.0.",
      },
    ]);
  });
});
