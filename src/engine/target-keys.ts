import { checkpointKey } from '../checkpoint/checkpoint.ts';
import { compileRules } from '../config/rules-of-options.ts';
import type { ResolvedSyncOptions } from '../config/sync-options.ts';
import { isNaruError, NaruError } from '../errors/errors.ts';
import { mayComeBack } from '../errors/silence.ts';
import { delay } from '../net/backoff.ts';
import { openClient, type RespClient, ServerError } from '../net/client.ts';
import type { TlsOptions } from '../net/connection.ts';
import { parseInfo } from '../net/info.ts';
import { Outage } from '../net/outage.ts';
import { keySlot } from '../net/topology/slot.ts';
import { nodeEndpoint, sameRoutes, type Topology, type TopologyNode } from '../net/topology/topology.ts';
import type { Endpoint } from '../net/url.ts';
import { TYPE_NAMES, type TypeName } from '../rules/rule.ts';
import type { Rules } from '../rules/rules.ts';
import { plainWalk, type ScanWalk } from '../source/redis/scan/cursors.ts';
import { findWalks } from '../source/redis/scan/proxy-walks.ts';
import { PART_PREFIX } from '../target/redis/big-entry-writer.ts';
import { ask, readKeyspace } from './facts.ts';
import { findTarget } from './find-target.ts';

export interface TargetKeysOptions {
  /** the address as it was given */
  endpoint: Endpoint;
  /** Finds out what stands there now. Rejects with NaruError. */
  find(): Promise<Topology>;
  tls: TlsOptions | undefined;
  connectTimeoutMs: number;
  giveUpAfterMs: number;
  signal: AbortSignal;
  /** what is copied; undefined: everything */
  rules?: Rules | undefined;
}

export function targetKeys(options: ResolvedSyncOptions, signal: AbortSignal): TargetKeys {
  const { to, toTls, connectTimeout, giveUpAfter } = options;
  return new TargetKeys({
    endpoint: to,
    find: () => findTarget(options, signal),
    tls: toTls,
    connectTimeoutMs: connectTimeout,
    giveUpAfterMs: giveUpAfter,
    signal,
    rules: compileRules(options),
  });
}

/** What Naru keeps at the target for itself. */
function isOwn(key: Buffer): boolean {
  const text = key.toString('latin1', 0, 32);
  return text.startsWith(checkpointKey('')) || text.startsWith(PART_PREFIX);
}

const AGAIN_MS = 500;
/** What a server answers until it, or another one, takes the command. */
const PASSING: ReadonlySet<string> = new Set([
  'MOVED',
  'ASK',
  'TRYAGAIN',
  'CLUSTERDOWN',
  'READONLY',
  'LOADING',
  'MASTERDOWN',
]);

/** Keys that one SCAN looks at; so many are given at once at most, or a few more. */
const SCAN_COUNT = 1000;

/** Looks through the target's keys on connections of its own, beside what is written there: finds and removes those of some slots. */
export class TargetKeys {
  readonly #options: TargetKeysOptions;

  constructor(options: TargetKeysOptions) {
    this.#options = options;
  }

  /**
   * Gives each key of database 0 whose slot is wanted, a batch at a time, waiting for `take`. A key that stands there all the time is given at
   * least once; one may be given twice. Where the target is lost on the way it begins again. Rejects with NaruError.
   */
  async each(wanted: (slot: number) => boolean, take: (keys: Buffer[]) => Promise<void>): Promise<void> {
    await this.#visit((client) => this.#scan(client, this.#copied(wanted), take));
  }

  /** The same for all keys of all databases. Rejects with SWEEP_IMPOSSIBLE where the target is a proxy that offers no SCAN. */
  async eachInAll(take: (db: number, keys: Buffer[]) => Promise<void>): Promise<void> {
    await this.#visit(async (client, topology) => {
      const walks = await walksOf(client, topology);
      for (const db of await databasesOf(client, topology)) {
        if (topology.kind !== 'proxy' || db > 0) await ask(client, 'SELECT', db);
        for (const walk of walks)
          await this.#scan(
            client,
            () => true,
            (keys) => take(db, keys),
            walk,
          );
      }
    }, true);
  }

  /** Removes the keys of some slots. */
  async remove(wanted: (slot: number) => boolean): Promise<void> {
    await this.#visit((client) =>
      this.#scan(client, this.#copied(wanted), async (keys) => {
        // One by one: in a cluster those of one command would have to be of one slot.
        await Promise.all(keys.map((key) => remove(client, key)));
      }),
    );
  }

  /** Removes the keys that the rules have, or would have, put there: those of all databases of the source, or of one. */
  async removeMigrated(rules: Rules, ofDb: number | undefined): Promise<void> {
    await this.#visit(async (client) => {
      const keyspace = readKeyspace(parseInfo(String(await ask(client, 'INFO', 'keyspace'))));
      for (const db of keyspace.keys()) {
        await ask(client, 'SELECT', db);
        await this.#scan(
          client,
          () => true,
          (keys) => removeThose(client, keys, { rules, db, ofDb }),
        );
      }
    });
  }

  async #scan(
    client: RespClient,
    wanted: (slot: number, key: Buffer) => boolean,
    take: (keys: Buffer[]) => Promise<void>,
    walk: ScanWalk = plainWalk,
  ): Promise<void> {
    for (let cursor = '0'; ; ) {
      const [command, ...rest] = walk.step(cursor, SCAN_COUNT);
      const [next, keys] = (await ask(client, String(command), ...rest)) as [Buffer, Buffer[]];
      const found = keys.filter((key) => !isOwn(key) && wanted(keySlot(key, 0, key.length), key));
      if (found.length > 0) await take(found);
      cursor = next.toString();
      if (cursor === '0') return;
    }
  }

  /** What rules leave out is none of the source's. */
  #copied(wanted: (slot: number) => boolean): (slot: number, key: Buffer) => boolean {
    const { rules } = this.#options;
    return (slot, key) => wanted(slot) && rules?.covers(0, key, undefined) !== false;
  }

  /** At each server. A key that goes from one that is still to be visited to one that was would not be seen: then once more. */
  async #visit(
    work: (client: RespClient, topology: Topology) => Promise<void>,
    throughProxy = false,
  ): Promise<void> {
    const { find, endpoint, giveUpAfterMs, signal } = this.#options;
    const outage = new Outage(giveUpAfterMs);
    for (;;) {
      try {
        const topology = await find();
        for (const node of serversOf(topology, throughProxy))
          await this.#at(nodeEndpoint(endpoint, node), topology, work);
        if (topology.kind !== 'cluster' || stoodStill(topology, await find())) return;
        outage.over();
        await delay(AGAIN_MS, signal);
      } catch (error) {
        signal.throwIfAborted();
        const waitMs = isNaruError(error) && mayComeBack(error) ? outage.next() : undefined;
        if (waitMs === undefined) throw error;
        await delay(waitMs, signal);
      }
    }
  }

  async #at(
    endpoint: Endpoint,
    topology: Topology,
    work: (client: RespClient, topology: Topology) => Promise<void>,
  ): Promise<void> {
    const { tls = {}, connectTimeoutMs: timeoutMs, signal } = this.#options;
    const client = await openClient(
      { ...endpoint, db: 0 },
      { tls, timeoutMs, side: 'target', signal, ...(topology.kind === 'proxy' && { clientName: '' }) },
    );
    const onAbort = (): void =>
      client.connection.destroy(new NaruError('STOPPED_EARLY', 'Stopped', { side: 'target' }));
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      await work(client, topology);
    } finally {
      signal.removeEventListener('abort', onAbort);
      client.connection.destroy();
    }
  }
}

async function removeThose(
  client: RespClient,
  keys: readonly Buffer[],
  { rules, db, ofDb }: { rules: Rules; db: number; ofDb: number | undefined },
): Promise<void> {
  const types = rules.knowsTypes ? await Promise.all(keys.map((key) => ask(client, 'TYPE', key))) : [];
  const migrated = keys.filter((key, i) => {
    const covered = rules.covers(
      db,
      key,
      ofDb,
      types[i] === undefined ? undefined : typeNamed(String(types[i])),
    );
    if (covered !== undefined) return covered;
    const text =
      'The source was flushed, and keys that a rule renamed by an expression can not be told from others in the target';
    throw new NaruError('FLUSH_REFUSED', text, { side: 'source' });
  });
  await Promise.all(migrated.map((key) => remove(client, key)));
}

function typeNamed(word: string): TypeName {
  return TYPE_NAMES.find((type) => type === word) ?? 'module';
}

/** Rejects with SWEEP_IMPOSSIBLE. */
async function walksOf(client: RespClient, topology: Topology): Promise<readonly ScanWalk[]> {
  try {
    return await findWalks(client, topology);
  } catch (error) {
    if (!isNaruError(error) || error.code !== 'SCAN_REFUSED') throw error;
    const text = 'The target is a proxy that does not let keys be looked for';
    throw new NaruError('SWEEP_IMPOSSIBLE', text, error.place, { cause: error });
  }
}

/** A proxy may tell nothing of its databases. */
async function databasesOf(client: RespClient, { kind }: Topology): Promise<readonly number[]> {
  try {
    return [...readKeyspace(parseInfo(String(await ask(client, 'INFO', 'keyspace')))).keys()];
  } catch (error) {
    if (kind !== 'proxy' || !isNaruError(error) || mayComeBack(error)) throw error;
    return [0];
  }
}

function serversOf({ kind, nodes }: Topology, throughProxy: boolean): readonly TopologyNode[] {
  if (kind === 'proxy' && !throughProxy) {
    const text = 'The target is a proxy, which does not let keys be looked for';
    throw new NaruError('SWEEP_IMPOSSIBLE', text, { side: 'target' });
  }
  return kind === 'cluster'
    ? nodes.filter(({ role, slots }) => role === 'master' && slots.length > 0)
    : nodes.slice(0, 1);
}

function stoodStill(before: Topology, after: Topology): boolean {
  return before.moves.length === 0 && sameRoutes(before, after);
}

/** A key that has just gone to another server is met there. */
async function remove(client: RespClient, key: Buffer): Promise<void> {
  try {
    await client.call('DEL', key);
  } catch (error) {
    if (!(error instanceof ServerError)) throw error;
    const code = PASSING.has(error.code) ? 'TARGET_UNAVAILABLE' : 'TARGET_REJECTED';
    const { side, node } = client.connection;
    throw new NaruError(code, `The target refused DEL: ${error.text}`, { side, node, command: 'DEL' });
  }
}
