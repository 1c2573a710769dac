import { describe, expect, it } from 'vitest';
import { NaruError } from '../../errors/errors.ts';
import { parseGroup } from '../group-url.ts';
import type { DiscoverOptions } from './discover.ts';
import { oneNode } from './standalone.ts';
import type { Topology, TopologyNode } from './topology.ts';
import { TopologyWatcher, type WatcherOptions } from './watcher.ts';

const BASE: DiscoverOptions = { endpoint: parseGroup('h:1'), connectTimeoutMs: 1000, side: 'source' };

/** Two masters at the ports 1 and 2, with the slots below and from `border` on. */
function cluster(border: number): Topology {
  const only = oneNode('cluster', BASE).nodes[0] as TopologyNode;
  const nodes = [1, 2].map((port) => ({
    ...only,
    id: `${port}`,
    port,
    announced: { host: 'h', port },
    reached: true,
  }));
  const owners = new Int16Array(16384).fill(1).fill(0, 0, border);
  const slots = [[{ first: 0, last: border - 1 }], [{ first: border, last: 16383 }]];
  return {
    kind: 'cluster',
    nodes: nodes.map((node, index) => ({ ...node, slots: slots[index] ?? [] })),
    owners,
    moves: [],
    epoch: border,
    warnings: [],
  };
}

interface Asked {
  options: DiscoverOptions;
  answer(topology: Topology): void;
  fail(error: Error): void;
}

function watch(more: Partial<WatcherOptions> = {}) {
  const asked: Asked[] = [];
  const changed: Topology[] = [];
  const problems: string[] = [];
  const watcher = new TopologyWatcher(cluster(100), {
    ...BASE,
    pauseMs: 0,
    onChanged: (topology) => changed.push(topology),
    onProblem: ({ code }) => problems.push(code),
    find: (options) =>
      new Promise((answer, fail) => {
        asked.push({ options, answer, fail });
      }),
    ...more,
  });
  return { watcher, asked, changed, problems };
}

/** Lets what is due run. */
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('TopologyWatcher', () => {
  it('asks for a slot that moved, and not for one that is known to be there', async () => {
    const { watcher, asked, changed } = watch();
    watcher.moved(99, { host: 'H', port: 1 });
    await turn();
    expect(asked).toHaveLength(0);
    watcher.moved(99, { host: 'h', port: 2 });
    await turn();
    expect(asked).toHaveLength(1);
    expect(asked[0]?.options.known).toEqual([
      { host: 'h', port: 1 },
      { host: 'h', port: 2 },
    ]);
    asked[0]?.answer(cluster(99));
    await turn();
    expect(changed).toEqual([watcher.current]);
    expect(watcher.current.owners[99]).toBe(1);
  });

  it('makes one round of many calls during a round, and says nothing where nothing changed', async () => {
    const { watcher, asked, changed } = watch();
    const first = watcher.refresh();
    await turn();
    const more = Array.from({ length: 100 }, () => watcher.refresh());
    for (let n = 0; n < 100; n++) watcher.suspect();
    await turn();
    expect(asked).toHaveLength(1);
    asked[0]?.answer(cluster(100));
    expect(await first).toBe(watcher.current);
    await turn();
    expect(asked).toHaveLength(2);
    const found = cluster(7);
    asked[1]?.answer(found);
    expect(new Set(await Promise.all(more))).toEqual(new Set([found]));
    await turn();
    expect(asked).toHaveLength(2);
    expect(changed).toEqual([found]);
  });

  it('has one round at a time, also for who asks as one ends', async () => {
    const { watcher, asked } = watch();
    const again = watcher.refresh().then(() => watcher.refresh());
    await turn();
    const next = watcher.refresh();
    asked[0]?.answer(cluster(1));
    await turn();
    expect(asked).toHaveLength(2);
    asked[1]?.answer(cluster(2));
    expect((await next).epoch).toBe(2);
    expect(await again).toBe(await next);
  });

  it('waits between rounds', async () => {
    const { watcher, asked } = watch({ pauseMs: 60 });
    const begun = performance.now();
    for (let n = 0; n < 3; n++) {
      const found = watcher.refresh();
      while (asked.length <= n) await turn();
      asked[n]?.answer(cluster(100));
      await found;
    }
    expect(performance.now() - begun).toBeGreaterThanOrEqual(118);
  });

  it('tries again where it may help, tells each failure, and ends where it may not', async () => {
    const { watcher, asked, problems } = watch();
    const found = watcher.refresh();
    await turn();
    asked[0]?.fail(new NaruError('CLUSTER_DOWN', 'x'));
    while (asked.length < 2) await turn();
    asked[1]?.answer(cluster(5));
    expect((await found).epoch).toBe(5);
    const refused = watcher.refresh();
    await turn();
    asked[2]?.fail(new NaruError('AUTH_FAILED', 'x'));
    await expect(refused).rejects.toMatchObject({ code: 'AUTH_FAILED' });
    expect(problems).toEqual(['CLUSTER_DOWN', 'AUTH_FAILED']);
    // It is not the end of the watcher.
    watcher.suspect();
    while (asked.length < 4) await turn();
  });

  it('ends with the signal, also between two tries', async () => {
    const controller = new AbortController();
    const { watcher, asked } = watch({ signal: controller.signal });
    const found = watcher.refresh();
    await turn();
    asked[0]?.fail(new NaruError('UNREACHABLE', 'x'));
    await turn();
    controller.abort();
    await expect(found).rejects.toMatchObject({ code: 'UNREACHABLE', message: 'Connecting was stopped.' });
    await expect(watcher.refresh()).rejects.toMatchObject({ message: 'Connecting was stopped.' });
    expect(asked).toHaveLength(1);
  });
});
