/** When a node that is followed is in sync, and what it does where it can not know: what is read and acknowledged is played here. */
import { afterEach, beforeEach, expect, it } from 'vitest';
import { RedisServer } from '../../../test/support/redis-server.ts';
import { until } from '../../../test/support/until.ts';
import { resolveScanOptions } from '../../config/scan-options.ts';
import { type Endpoint, parseEndpoint } from '../../net/url.ts';
import { Batch } from '../../source/redis/scan/batch.ts';
import { plainWalk } from '../../source/redis/scan/cursors.ts';
import { type LiveHost, LiveLink } from './live-link.ts';

/** Whatever is waited for may take long on a busy machine. */
const LONG_MS = 60_000;

class Player implements LiveHost {
  readonly told: string[] = [];
  dirtyMax = 1000;
  held = 0;
  elsewhereSince: number | undefined;
  synced = 0;
  reads = 0;
  readonly compared: number[] = [];
  /** a comparing pass, or a question for databases, waits for this */
  comparing: Promise<void> = Promise.resolve();
  asking: Promise<readonly number[]> = Promise.resolve([]);
  /** keys are acknowledged as soon as they are read */
  acks = true;
  live!: LiveLink;
  running!: Promise<void>;
  readonly #source: RedisServer;

  constructor(source: RedisServer) {
    this.#source = source;
  }

  async begin(): Promise<void> {
    const options = resolveScanOptions({
      from: this.#source.url,
      to: 'redis://127.0.0.1:1',
      live: true,
      liveBy: 'tracking',
    });
    this.live = await LiveLink.begin(options, [plainWalk], [0], this);
  }

  /** All keys were read once. */
  run(): void {
    this.running = this.live.run();
    this.running.catch(() => {});
  }

  async endpoint(): Promise<Endpoint> {
    return parseEndpoint(this.#source.url);
  }

  async readDirty(): Promise<void> {
    // As an answer of the source would.
    await new Promise(setImmediate);
    const { dirty } = this.live;
    for (const db of dirty.databases) {
      const batch = new Batch();
      dirty.take(db, batch, dirty.waiting(db));
      for (let i = 0; i < batch.count; i++) this.told.push(`${db} ${batch.key(i)}`);
      dirty.read(batch, this.told.length);
    }
    if (this.acks) dirty.acked(this.told.length);
    this.reads++;
  }

  databases(): Promise<readonly number[]> {
    return this.asking;
  }

  async compare(sinceMs: number): Promise<void> {
    this.compared.push(sinceMs);
    await this.comparing;
  }

  async mayEnd(): Promise<boolean> {
    return true;
  }

  onSynced(): void {
    this.synced++;
  }

  onRetry(): void {}
  onReconnected(): void {}
  onFailure(): void {}
  warn(): void {}

  async untilRead(key: string): Promise<void> {
    await until(`${key} to be read`, async () => this.told.includes(key), LONG_MS);
  }

  untilSynced(): Promise<void> {
    return until('sync', async () => this.synced > 0, LONG_MS);
  }

  untilCompared(times: number): Promise<void> {
    return until('a comparing pass', async () => this.compared.length >= times, LONG_MS);
  }
}

/** A promise, and what resolves it. */
function gate(): { passed: Promise<void>; open: () => void } {
  let open = (): void => {};
  const passed = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { passed, open };
}

let source: RedisServer;
let player: Player;
beforeEach(async () => {
  source = await RedisServer.start();
  player = new Player(source);
});
afterEach(async () => {
  await player.live?.end();
  await source.stop();
});

it('is in sync when what was told before it asked is acknowledged, whatever is told behind that', async () => {
  await player.begin();
  player.acks = false;
  await source.call('SET', 'before', 1);
  player.run();
  for (const key of ['before', 'behind', 'last']) {
    await source.call('SET', key, 1);
    await player.untilRead(`0 ${key}`);
  }
  expect(player.synced).toBe(0);
  // It has asked at some time by now, and goes by that: one key is never acknowledged, and is later than that sooner or later.
  for (let n = 0; player.synced === 0; n++) {
    const { length } = player.told;
    await source.call('SET', `later ${n}`, 1);
    await player.untilRead(`0 later ${n}`);
    player.live.dirty.acked(length);
    player.live.nudge();
    await new Promise(setImmediate);
  }
  expect(player.live.sinceMs).toBeDefined();
});

it('is not in sync while a key waits for its slot, or could not be written: that is read again', async () => {
  await player.begin();
  player.elsewhereSince = Date.now();
  player.run();
  await source.call('SET', 'one', 1);
  await player.untilRead('0 one');
  expect(player.synced).toBe(0);
  player.held = 1;
  player.elsewhereSince = undefined;
  const { reads } = player;
  player.live.nudge();
  await until('two rounds', async () => player.reads > reads + 1, LONG_MS);
  expect([player.synced, player.live.sinceMs !== undefined]).toEqual([0, true]);
  player.held = 0;
  await player.untilSynced();
});

it('of too many keys all are forgotten, and it is not in sync before all keys were compared, once', async () => {
  player.dirtyMax = 3;
  const { passed, open } = gate();
  player.comparing = passed;
  const begun = Date.now();
  await player.begin();
  const began = Date.now();
  await source.call('MSET', 'a', 1, 'b', 1, 'c', 1, 'd', 1);
  player.run();
  await player.untilCompared(1);
  expect(player.synced).toBe(0);
  const [since = 0] = player.compared;
  expect([since >= begun, since <= began]).toEqual([true, true]);
  open();
  await player.untilSynced();
  const { reads } = player;
  await source.call('SET', 'one', 1);
  await player.untilRead('0 one');
  // A round for each of the key, and what is told of it: it does not go round for nothing.
  expect(player.reads).toBeLessThan(reads + 10);
  expect(player.compared.length).toBe(1);
});

it('keys are told without their database: where it can not be asked which there are, all keys are compared', async () => {
  await player.begin();
  const { passed, open } = gate();
  player.comparing = passed;
  player.asking = Promise.reject(new Error('nobody there'));
  player.asking.catch(() => {});
  player.run();
  await source.call('SET', 'one', 1);
  await player.untilCompared(1);
  expect(player.synced).toBe(0);
  player.asking = Promise.resolve([0, 7]);
  open();
  await player.untilSynced();
  await source.call('SET', 'other', 1);
  await player.untilRead('7 other');
  expect(player.told).toContain('0 other');
});
