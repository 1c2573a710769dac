/** What a link writes and tells of keys that it can not read, or that have to be read once more. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { RedisServer } from '../../../../test/support/redis-server.ts';
import { parseEndpoint } from '../../../net/url.ts';
import type { EntryView, RdbSink } from '../../../protocol/rdb/sink.ts';
import { RdbWalker } from '../../../protocol/rdb/walker.ts';
import { Spool } from '../../../spool/spool.ts';
import { plainWalk } from './cursors.ts';
import { DirtyKeys } from './dirty-keys.ts';
import { Fingerprints } from './fingerprints.ts';
import { Load } from './load.ts';
import type { ScanMemory } from './memory.ts';
import { Pace } from './pace.ts';
import { RecordWriter } from './records.ts';
import { ScanLink } from './scan-link.ts';

let dir: string;
let source: RedisServer;
beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'scan-link-'));
  source = await RedisServer.start();
});
afterAll(async () => {
  await source?.stop();
  rmSync(dir, { recursive: true, force: true });
});
beforeEach(() => source.call('FLUSHALL'));

/** A link whose records are read here, in place of a target. */
class Scanned {
  readonly link: ScanLink;
  /** keys that were told to be elsewhere, and since when */
  readonly elsewhere: [key: string, sinceMs: number][] = [];
  readonly removed: string[] = [];
  readonly dirty: DirtyKeys = new DirtyKeys(100);
  /** keys with this beginning may not be read here */
  strays = '-';
  readonly #spool: Spool;
  readonly #records: RecordWriter;
  readonly #walker: RdbWalker;
  #told: string[] = [];

  private constructor(spool: Spool, sharesNames: boolean) {
    this.#spool = spool;
    this.#records = new RecordWriter(spool, 1e6);
    const memory: ScanMemory = {
      prints: new Fingerprints({ path: join(dir, 'prints') }),
      sharesNames,
      keptThere: () => false,
      taken: () => false,
    };
    this.link = new ScanLink(
      {
        endpoint: async () => parseEndpoint(source.url),
        node: 'source',
        walks: [plainWalk],
        tls: {},
        connectTimeoutMs: 10_000,
        giveUpAfterMs: 0,
        records: this.#records,
        bigKeyBytes: 1e6,
        count: 10,
        pace: new Pace(0, 0),
        load: new Load(Number.POSITIVE_INFINITY),
        memory,
        sift: (batch) => batch.sift((buf, start) => buf[start] !== this.strays.charCodeAt(0)),
        values: undefined,
      },
      {
        onRetry: () => {},
        onReconnected: () => {},
        onStartedOver: () => {},
        onElsewhere: (_, key, sinceMs) => this.elsewhere.push([String(key), sinceMs]),
        onRemoved: (db, keys) => this.removed.push(...keys.map((key) => `${db} ${key}`)),
      },
    );
    this.link.follow(this.dirty);
    const sink = {
      header: () => {},
      selectDb: () => {},
      aux: (name: string, value: Buffer) => {
        if (name === 'naru:gone') this.#told.push(`gone ${value}`);
      },
      entry: ({ keyBuf, keyStart, keyEnd }: EntryView) =>
        this.#told.push(keyBuf.toString('latin1', keyStart, keyEnd)),
    };
    this.#walker = new RdbWalker(sink as unknown as RdbSink, { bigEntryBytes: 1e6 });
  }

  static async start(sharesNames = false): Promise<Scanned> {
    const scanned = new Scanned(
      await Spool.open({
        dir: mkdtempSync(join(dir, 'spool-')),
        memoryBytes: 1024 * 1024,
        diskBytesMax: 1e9,
        writeBehindBytes: Number.POSITIVE_INFINITY,
      }),
      sharesNames,
    );
    await scanned.link.start();
    return scanned;
  }

  walk(sinceMs?: number): Promise<void> {
    return this.link.walk(plainWalk, 0, '0', sinceMs);
  }

  tell(...keys: string[]): void {
    for (const key of keys) this.dirty.add(0, Buffer.from(key), 0, key.length);
  }

  /** What was written since the last time, as it is in the records by now. */
  get written(): string[] {
    this.#records.flush();
    for (let view = this.#spool.read(4096); view !== undefined; view = this.#spool.read(4096))
      this.#walker.write(view, 0, view.length);
    return this.#told.splice(0);
  }

  /** The target has all of it. */
  acked(): void {
    this.link.acked(this.#records.offset);
  }

  async stop(): Promise<void> {
    await this.link.stop();
    await this.#spool.close();
  }
}

it('a key that may not be read here may have changed since the comparing pass began, and one that was held since the link began', async () => {
  const before = Date.now();
  const scanned = await Scanned.start();
  await source.call('MSET', 'a', 1, '-b', 1);
  await scanned.walk();
  expect(scanned.elsewhere.map(([key]) => key)).toEqual(['-b']);
  await scanned.walk(12_345);
  expect(scanned.elsewhere.splice(0)[1]).toEqual(['-b', 12_345]);
  scanned.strays = 'a';
  scanned.link.held.hold(0, Buffer.from('a'));
  const begun = Date.now();
  await scanned.link.reread();
  const [[key, since]] = scanned.elsewhere as [[string, number]];
  expect([key, since >= before, since <= begun]).toEqual(['a', true, true]);
  await scanned.stop();
});

it('a key that is held is written once more, or removed if it is gone, also if it was told meanwhile', async () => {
  const scanned = await Scanned.start();
  await source.call('MSET', 'a', 1, 'b', 1, 'c', 1);
  await scanned.walk();
  expect(scanned.written.sort()).toEqual(['a', 'b', 'c']);
  for (const key of ['a', 'b']) scanned.link.held.hold(0, Buffer.from(key));
  await source.call('DEL', 'b');
  scanned.tell('b', 'c');
  await scanned.link.reread();
  await scanned.link.readDirty();
  expect(scanned.written.sort()).toEqual(['a', 'gone b']);
  expect(scanned.link.held.count).toBe(2);
  scanned.link.held.settled();
  expect(scanned.link.held.count).toBe(0);
  await scanned.stop();
});

it.each([
  true,
  false,
])('keys that were removed are told where names are shared (%s), once the target has done it', async (sharesNames) => {
  const scanned = await Scanned.start(sharesNames);
  await source.call('MSET', 'a', 1, 'b', 1);
  await scanned.walk();
  await source.call('DEL', 'a', 'b');
  scanned.acked();
  scanned.tell('a', 'b', 'never there');
  await scanned.link.readDirty();
  expect([scanned.removed, scanned.link.removes]).toEqual([[], sharesNames]);
  expect(scanned.written.sort()).toEqual(['a', 'b', 'gone a', 'gone b']);
  scanned.acked();
  expect(scanned.removed).toEqual(sharesNames ? ['0 a', '0 b'] : []);
  expect(scanned.link.removes).toBe(false);
  await scanned.stop();
});
