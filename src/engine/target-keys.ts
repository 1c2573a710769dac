import { checkpointKey } from '../checkpoint/checkpoint.ts';
import type { TargetOptions } from '../config/sync-options.ts';
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
import type { WrittenNames } from '../pipeline/rules/written-names.ts';
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
  /** whose keys they are, for errors; the target's where it is absent */
  side?: 'source' | 'target';
  /** what is copied; undefined: everything */
  rules?: Rules | undefined;
}

/** `rules` undefined: everything is copied. */
export function targetKeys(
  options: TargetOptions,
  signal: AbortSignal,
  rules: Rules | undefined,
): TargetKeys {
  const { to, toTls, connectTimeout, giveUpAfter } = options;
  return new TargetKeys({
    endpoint: to,
    find: () => findTarget(options, signal),
    tls: toTls,
    connectTimeoutMs: connectTimeout,
    giveUpAfterMs: giveUpAfter,
    signal,
    rules,
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
   * Gives the keys of database 0 of a cluster as source: for each name of the target those of the source's keys that become it, of which at least one has a
   * slot that is wanted. A batch at a time, waiting for `take`. What stands there all the time is given at least once, perhaps twice. Where the target is
   * lost on the way it begins again. Rejects with NaruError, SLOTS_MOVED where rules do not let the source's keys be told.
   */
  async each(wanted: (slot: number) => boolean, take: (names: Buffer[][]) => Promise<void>): Promise<void> {
    const { rules } = this.#options;
    if (rules?.invertible === false) throw notInvertible();
    await this.#visit((client) =>
      this.#scanOne(client, async (names) => {
        const keys = names.map((name) => rules?.origins(0, name) ?? [name]);
        await take(keys.filter((each) => each.some((key) => wanted(slotOf(key)))));
      }),
    );
  }

  /** The same for all keys of all databases. Rejects with SWEEP_IMPOSSIBLE where the target is a proxy that offers no SCAN. */
  async eachInAll(take: (db: number, keys: Buffer[], client: RespClient) => Promise<void>): Promise<void> {
    await this.#visit(async (client, topology) => {
      const walks = await walksOf(client, topology);
      for (const db of await databasesOf(client, topology)) {
        if (topology.kind !== 'proxy' || db > 0) await ask(client, 'SELECT', db);
        for (const walk of walks) await this.#scan(client, (keys) => take(db, keys, client), walk);
      }
    }, true);
  }

  /** Removes from the target what the source's keys of some slots became, by what was `written`, where that is known, else by their names. */
  async remove(wanted: (slot: number) => boolean, written: WrittenNames | undefined): Promise<void> {
    const { rules } = this.#options;
    const db = rules?.mapDb(0) ?? 0;
    await this.#visit((client) =>
      this.#scanOne(client, async (names) => {
        const types = await this.#typesOf(client, names);
        const gone = names.filter((name, i) => {
          const known = written?.has(db, name, 0);
          if (known !== undefined) return known;
          const keys = rules === undefined ? [name] : this.#originsOf(rules, name, types[i]);
          return keys.some((key) => wanted(slotOf(key)));
        });
        // One by one: in a cluster those of one command would have to be of one slot.
        await Promise.all(gone.map((name) => removeKey(client, name)));
      }),
    );
  }

  /**
   * Removes the keys that the rules have, or would have, put there: those of all databases of the source, or of one. Rejects with FLUSH_REFUSED where
   * these can not be told.
   */
  async removeMigrated(ofDb: number | undefined, written: WrittenNames | undefined): Promise<void> {
    const rules = this.#options.rules as Rules;
    const removed = this.eachInAll(async (db, names, client) => {
      const types = await this.#typesOf(client, names);
      const gone = names.filter(
        (name, i) => written?.has(db, name, ofDb) ?? this.#covers(rules, db, name, ofDb, types[i]),
      );
      await Promise.all(gone.map((name) => removeKey(client, name)));
    });
    await removed.catch((error: unknown) => {
      throw isNaruError(error) && error.code === 'SWEEP_IMPOSSIBLE' ? behindProxy(error) : error;
    });
  }

  #covers(
    rules: Rules,
    db: number,
    name: Buffer,
    ofDb: number | undefined,
    type: TypeName | undefined,
  ): boolean {
    if (rules.mergesDbs && ofDb !== undefined) throw notTold();
    const covered = rules.covers(db, name, ofDb, type);
    if (covered === undefined) throw notTold();
    return covered;
  }

  #originsOf(rules: Rules, name: Buffer, type: TypeName | undefined): Buffer[] {
    const keys = rules.invertible ? rules.origins(0, name, type) : [];
    if (!rules.invertible || keys.length > 1) throw notTold();
    return keys;
  }

  /** Only where the rules know them. */
  async #typesOf(client: RespClient, names: readonly Buffer[]): Promise<(TypeName | undefined)[]> {
    if (this.#options.rules?.knowsTypes !== true) return [];
    const types = await Promise.all(names.map((name) => ask(client, 'TYPE', name)));
    return types.map((type) => typeNamed(String(type)));
  }

  /** The database that database 0 of the source is written to. */
  async #scanOne(client: RespClient, take: (names: Buffer[]) => Promise<void>): Promise<void> {
    const db = this.#options.rules?.mapDb(0) ?? 0;
    if (db !== 0) await ask(client, 'SELECT', db);
    await this.#scan(client, take);
  }

  async #scan(
    client: RespClient,
    take: (keys: Buffer[]) => Promise<void>,
    walk: ScanWalk = plainWalk,
  ): Promise<void> {
    for (let cursor = '0'; ; ) {
      const [command, ...rest] = walk.step(cursor, SCAN_COUNT);
      const [next, keys] = (await ask(client, String(command), ...rest)) as [Buffer, Buffer[]];
      const found = keys.filter((key) => !isOwn(key));
      if (found.length > 0) await take(found);
      cursor = next.toString();
      if (cursor === '0') return;
    }
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
    const { tls = {}, connectTimeoutMs: timeoutMs, side = 'target', signal } = this.#options;
    const client = await openClient(
      { ...endpoint, db: 0 },
      { tls, timeoutMs, side, signal, ...(topology.kind === 'proxy' && { clientName: '' }) },
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

function slotOf(key: Buffer): number {
  return keySlot(key, 0, key.length);
}

function notTold(): NaruError {
  const text =
    'The source was flushed, and which keys of the target were its can not be told any more: rules rename by an expression or a function, or bring databases together, and more than two million names were written';
  return new NaruError('FLUSH_REFUSED', text, { side: 'source' });
}

function behindProxy(cause: NaruError): NaruError {
  const text =
    'The source was flushed, and the target is a proxy that does not let its keys be looked for: remove what was migrated at the servers behind it';
  return new NaruError('FLUSH_REFUSED', text, { side: 'source' }, { cause });
}

function notInvertible(): NaruError {
  const text =
    "Slots were moved between the source's nodes, and rules rename keys by an expression or a function: which keys of the target are of these slots can not be told";
  return new NaruError('SLOTS_MOVED', text, { side: 'source' });
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
export async function removeKey(client: RespClient, key: Buffer): Promise<void> {
  try {
    await client.call('DEL', key);
  } catch (error) {
    if (!(error instanceof ServerError)) throw error;
    const code = PASSING.has(error.code) ? 'TARGET_UNAVAILABLE' : 'TARGET_REJECTED';
    const { side, node } = client.connection;
    throw new NaruError(code, `The target refused DEL: ${error.text}`, { side, node, command: 'DEL' });
  }
}
