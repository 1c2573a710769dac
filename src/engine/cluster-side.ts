import { compileRules } from '../config/rules-of-options.ts';
import { isNaruError, NaruError } from '../errors/errors.ts';
import { mayComeBack } from '../errors/silence.ts';
import { delay } from '../net/backoff.ts';
import { Outage } from '../net/outage.ts';
import type { Topology, TopologyNode } from '../net/topology/topology.ts';
import { TopologyWatcher } from '../net/topology/watcher.ts';
import { describeEndpoint } from '../net/url.ts';
import { askKeyTable } from '../pipeline/keys/by-server.ts';
import { KeyTable } from '../pipeline/keys/key-table.ts';
import { Losses } from '../target/losses.ts';
import type { ClusterNode } from '../target/redis/cluster/cluster-options.ts';
import { ClusterTarget } from '../target/redis/cluster/cluster-target.ts';
import { Redo } from '../target/redis/cluster/redo.ts';
import type { Undone } from '../target/redis/cluster/undone.ts';
import { askDialect, commonDialect, type Dialect } from '../target/redis/dialect.ts';
import type { OnConflict } from '../target/target.ts';
import type { Place } from './acker.ts';
import type { CheckedTarget } from './checked-target.ts';
import { ClusterNodes, movingSlots, routesOf, writable } from './cluster-nodes.ts';
import { type NodeFacts, readFacts } from './facts.ts';
import { aboutTarget } from './find-target.ts';
import type { SideOptions } from './one-node-side.ts';
import type { Parts } from './parts.ts';
import { type CheckedNode, precheck, precheckTarget } from './precheck.ts';
import { askProxyDialect, PROXY_COMMANDS, PROXY_FACTS } from './proxy.ts';
import { Refusals } from './refusals.ts';
import type { EngineTarget, MakeTarget, TargetSide } from './target-side.ts';

/** How often a cluster is asked whether a slot that is being moved has come to rest. */
const MOVING_POLL_MS = 300;

/**
 * A cluster, or a proxy, as target. Whatever it answers that is not success, and whatever connection breaks: the routes are found out anew, and
 * what may not have been done is looked for in the stream and copied again (ClusterTarget, Recopier).
 */
export class ClusterSide implements TargetSide {
  readonly node: string;
  readonly #side: SideOptions;
  readonly #stopping = new AbortController();
  readonly #watcher: TopologyWatcher;
  readonly #nodes: ClusterNodes;
  readonly #refusals: Refusals;
  readonly #outage: Outage;
  #target!: ClusterTarget;
  #parts: (() => Parts | undefined) | undefined;
  #polling: NodeJS.Timeout | undefined;
  /** of the stream: behind the last command that was given */
  #given: Place = { offset: 0, db: 0 };
  #redoes = false;
  #redo: Redo | undefined;
  /** what the target's routes are by */
  #attached: Topology | undefined;

  constructor(side: SideOptions, topology: Topology) {
    const { options, job, warn } = side;
    this.#side = side;
    this.node = describeEndpoint(options.to);
    this.#refusals = new Refusals(warn);
    this.#outage = new Outage(options.giveUpAfter);
    this.#nodes = new ClusterNodes(options, job, this.#stopping.signal);
    this.#watcher = new TopologyWatcher(topology, {
      ...aboutTarget(options, this.#stopping.signal),
      onChanged: (changed) => this.#changed(changed),
      onProblem: (error) => this.#side.onRetry(error, MOVING_POLL_MS),
    });
  }

  get #isProxy(): boolean {
    return this.#watcher.current.kind === 'proxy';
  }

  get hasOneDatabase(): boolean {
    return (this.#watcher.current.databases ?? 1) === 1;
  }

  async open(source: CheckedNode | undefined, onConflict: OnConflict | undefined): Promise<CheckedTarget> {
    const topology = this.#watcher.current;
    for (const { code, message } of topology.warnings) this.#side.warn(code, message);
    await this.#nodes.connect(topology, () => false);
    if (!this.#isProxy && source !== undefined) this.#checkDatabases(source, topology, onConflict);
    const dialects: Dialect[] = [];
    const all: NodeFacts[] = [];
    for (const node of writable(topology)) {
      const { facts, dialect } = await this.#check(node, source, onConflict);
      all.push(facts);
      dialects.push(dialect);
    }
    const dialect = commonDialect(dialects);
    const { lossy } = this.#side.options;
    const losses = new Losses({
      lossy,
      target: dialect.name,
      node: this.node,
      onFirst: (message) => this.#side.warn('LEFT_OUT', message),
    });
    return { facts: sumOf(all), dialect, losses, commands: await this.#commands(topology) };
  }

  async #check(
    node: TopologyNode,
    source: CheckedNode | undefined,
    onConflict: OnConflict | undefined,
  ): Promise<{ facts: NodeFacts; dialect: Dialect }> {
    const { options, warn } = this.#side;
    const client = this.#nodes.client(node.id);
    if (this.#isProxy) return { facts: PROXY_FACTS, dialect: await askProxyDialect(client) };
    const facts = await readFacts(client);
    if (facts.runId !== source?.facts.runId) {
      await this.#nodes.beAlone(node);
      await this.#nodes.sweep(node);
    }
    const dialect = await askDialect(client, facts.flavour, facts.version);
    const target = { facts: await readFacts(client), node: client.connection.node, dialect };
    if (source === undefined) precheckTarget(target, { ...options, onConflict }, warn);
    else precheck(source, target, { ...options, onConflict }, warn);
    return { facts: target.facts, dialect };
  }

  /** A cluster has one database: keys of several come together in it, and one with the same name can be in two. */
  #checkDatabases({ facts }: CheckedNode, topology: Topology, onConflict: OnConflict | undefined): void {
    const rules = compileRules(this.#side.options);
    const used = [...facts.keyspace]
      .filter(([db, keys]) => keys > 0 && rules?.mayKeep(db) !== false)
      .map(([db]) => db);
    // What rules write to database 0 is meant to come there.
    if ((topology.databases ?? 1) > 1 || used.every((db) => (rules?.mapDb(db) ?? db) === 0)) return;
    if (used.length > 1 && onConflict === undefined && this.#side.options.onConflict === undefined) {
      const text = `The source holds keys in the databases ${used.join(', ')}, and a cluster has one: say with --on-conflict which of two keys with the same name to keep`;
      throw new NaruError('CONFIG_INVALID', text, { side: 'target', node: this.node });
    }
    this.#side.warn(
      'DATABASES_MERGED',
      `The target has one database: keys of the databases ${used.join(', ')} go to it.`,
    );
  }

  /** Of the nodes that of the one which knows the fewest. */
  async #commands(topology: Topology): Promise<KeyTable> {
    if (this.#isProxy) return KeyTable.builtIn().only(PROXY_COMMANDS);
    const tables = await Promise.all(writable(topology).map(({ id }) => askKeyTable(this.#nodes.client(id))));
    return tables.reduce((a, b) => (b.size < a.size ? b : a));
  }

  make({ checked, keys, listener, holdEntry, parts, redoes }: MakeTarget): EngineTarget {
    const { options, job } = this.#side;
    // What a proxy has lost it may have done.
    this.#redoes = redoes === true && !this.#isProxy;
    this.#parts = parts;
    this.#target = new ClusterTarget(
      {
        inFlightBytes: options.inFlight,
        onConflict: options.onConflict ?? 'overwrite',
        job,
        bigEntryBytes: options.bigKeySize,
        dialect: checked.dialect,
        losses: checked.losses,
        keys,
        slots: !this.#isProxy,
        passes: (name) => checked.commands.has(name),
        databases: !this.hasOneDatabase,
        slotsRest: (wanted) => this.#slotsRest(wanted),
        holdEntry,
      },
      {
        onAcked: (offset, db) => listener.onAcked(offset, db, false),
        onFailure: (error) => listener.onFailure(error),
      },
    );
    return this.#target;
  }

  begin(): void {
    const topology = this.#watcher.current;
    const nodes = writable(topology).map(({ id }) => this.#nodes.connected(id));
    this.#attach(topology, nodes, { offset: 0, db: 0 });
  }

  proved(): void {
    this.#outage.over();
  }

  /** Nothing is acknowledged before. */
  settled(): Promise<void> {
    return Promise.resolve();
  }

  beginStream(): void {}

  releasable(offset: number): number {
    this.#outage.over();
    return this.#refusals.releasable(offset);
  }

  ranLate(): NaruError {
    const text = 'Keys expired in the target before what it was sent had run';
    return new NaruError('LINK_LOST', text, { side: 'target', node: this.node });
  }

  canRecover(error: NaruError, parts: Parts | undefined): boolean {
    if (error.code === 'COMMAND_REFUSED') return parts?.recopier !== undefined;
    // Without a way to copy again, what was not done in the stream is lost.
    if (parts?.pump.phase === 'stream' && parts.recopier === undefined && !this.#redoes) return false;
    return error.retry;
  }

  async recover(parts: Parts, cause: NaruError): Promise<void> {
    const undone = await this.#target.settled();
    await this.#refusals.note(parts, undone.refused);
    const { topology, nodes } = await this.#reopened(cause);
    this.#target.leaveAllBut(nodes.map(({ id }) => id));
    const { acker, pump, spool, recopier } = parts;
    const inStream = pump.phase === 'stream';
    if (inStream && this.#redoes) {
      await this.#giveAgain(parts, undone, { topology, nodes });
      return;
    }
    const place = inStream ? this.#givenBy(pump.given) : acker.acked;
    if (inStream) this.#refusals.look(acker.acked, place.offset);
    const from = this.#refusals.from(place);
    // What was copied again is not known to be there: it is read anew before anything counts as done.
    if (inStream) recopier?.look(place.offset, undone);
    recopier?.restart(place.offset, from.offset);
    pump.restart(from.offset, from.db, place.offset);
    spool.release(from.offset);
    this.#attach(topology, nodes, place);
  }

  /** Nothing can be copied again: what the target has not done for sure is given once more, when all slots have come to rest. */
  async #giveAgain({ acker, pump, spool }: Parts, undone: Undone, found: Reopened): Promise<void> {
    let { topology, nodes } = found;
    while (topology.moves.length > 0) {
      await delay(MOVING_POLL_MS, this.#stopping.signal);
      ({ topology, nodes } = await this.#reopened(slotsMove(this.node)));
      this.#target.leaveAllBut(nodes.map(({ id }) => id));
    }
    if (undone.isUnsure) {
      const text =
        'A node of the target was lost with commands of the file on their way, and nobody can tell which of them it has done: start again with an empty target';
      throw new NaruError('TARGET_LOST_DATA', text, { side: 'target', node: this.node });
    }
    this.#redo = new Redo(undone, pump.given.offset, this.#redo);
    const from = acker.acked;
    pump.restart(from.offset, from.db);
    spool.release(from.offset);
    this.#attach(topology, nodes, from, this.#redo);
  }

  /** Behind all that was ever given: while the stream is looked at again, the pump stands before that. */
  #givenBy(now: Place): Place {
    if (now.offset > this.#given.offset) this.#given = now;
    return this.#given;
  }

  /** Finds out who owns what now, and connects, until that is possible. */
  async #reopened(cause: NaruError): Promise<Reopened> {
    for (let last = cause; ; ) {
      const delayMs = last.code === 'COMMAND_REFUSED' ? 0 : this.#outage.next();
      if (delayMs === undefined) {
        const text = `The target did not come back in time: ${last.message}`;
        throw new NaruError('GAVE_UP', text, { side: 'target', node: this.node });
      }
      if (last !== cause || last.code !== 'COMMAND_REFUSED') this.#side.onRetry(last, delayMs);
      await delay(delayMs, this.#stopping.signal);
      try {
        const topology = await this.#watcher.refresh();
        const nodes = await this.#nodes.connect(topology, (id) => this.#target.isAttached(id));
        routesOf(topology);
        this.#outage.connected();
        return { topology, nodes };
      } catch (error) {
        this.#stopping.signal.throwIfAborted();
        if (!isNaruError(error) || !mayComeBack(error)) throw error;
        last = error;
      }
    }
  }

  // ---- slots on the move

  #pollWhileMoving({ moves }: Topology): void {
    clearTimeout(this.#polling);
    if (moves.length === 0 || this.#stopping.signal.aborted) return;
    this.#polling = setTimeout(() => {
      this.#watcher.refresh().then(
        (found) => this.#pollWhileMoving(found),
        // It ends with the run.
        () => {},
      );
    }, MOVING_POLL_MS);
  }

  /** As ClusterTargetOptions has it. Who owns something new breaks the target, and is told by the watcher alone. */
  async #slotsRest(wanted: () => boolean): Promise<boolean> {
    const { signal } = this.#stopping;
    for (let rested = true; wanted(); rested = false) {
      if (await this.#nodes.slotsRest(this.#attached as Topology)) return rested;
      await this.#watcher.refresh();
      await delay(MOVING_POLL_MS, signal);
    }
    return false;
  }

  #changed(topology: Topology): void {
    const parts = this.#parts?.();
    if (parts === undefined || this.#attached === undefined) return;
    if (!sameOwners(topology, this.#attached)) {
      const text = 'Slots of the target have another node now';
      this.#target.fail(new NaruError('TARGET_MOVED', text, { side: 'target', node: this.node }));
      return;
    }
    this.#target.moving = movingSlots(topology);
    parts.recopier?.unblock();
    parts.pump.nudge();
    this.#pollWhileMoving(topology);
  }

  #attach(topology: Topology, nodes: ClusterNode[], { offset, db }: Place, redo?: Redo): void {
    this.#attached = topology;
    this.#target.attach(nodes, routesOf(topology), movingSlots(topology), offset, db, redo);
    this.#pollWhileMoving(topology);
    // What was found while the connections were made.
    if (this.#watcher.current !== topology) this.#changed(this.#watcher.current);
  }

  // ---- the end

  finish(): Promise<void> {
    this.abort(new NaruError('STOPPED_EARLY', 'The run is over'));
    this.#target.close();
    return Promise.resolve();
  }

  cleanUp(): Promise<void> {
    return this.finish();
  }

  abort(reason: NaruError): void {
    clearTimeout(this.#polling);
    this.#stopping.abort(reason);
    this.#nodes.close(reason);
  }
}

interface Reopened {
  topology: Topology;
  nodes: ClusterNode[];
}

function slotsMove(node: string): NaruError {
  return new NaruError('TARGET_MOVED', 'Slots of the target are being moved', { side: 'target', node });
}

function sumOf(all: readonly NodeFacts[]): NodeFacts {
  const keyspace = new Map<number, number>();
  for (const facts of all) {
    for (const [db, keys] of facts.keyspace) keyspace.set(db, (keyspace.get(db) ?? 0) + keys);
  }
  const [first] = all as [NodeFacts];
  return { ...first, keyspace, aheadMs: Math.max(...all.map(({ aheadMs }) => aheadMs)) };
}

function sameOwners(a: Topology, b: Topology): boolean {
  const idOf = ({ nodes, owners }: Topology, slot: number): string | undefined =>
    nodes[owners[slot] as number]?.id;
  return a.owners.every((_, slot) => idOf(a, slot) === idOf(b, slot));
}
