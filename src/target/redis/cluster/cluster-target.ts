import { NaruError } from '../../../errors/errors.ts';
import type { Connection } from '../../../net/connection.ts';
import { keySlot, slotTag } from '../../../net/topology/slot.ts';
import { openDump } from '../../../protocol/rdb/dump-payload.ts';
import type { EntryView, Flavour } from '../../../protocol/rdb/sink.ts';
import { TYPE_MODULE_2 } from '../../../protocol/rdb/types.ts';
import { ValueDecoder } from '../../../protocol/rdb/value-decoder.ts';
import type { ValueSink } from '../../../protocol/rdb/value-sink.ts';
import type { CommandView } from '../../../protocol/resp/command-walker.ts';
import type { Losses } from '../../losses.ts';
import type { OnConflict, RawCommandSink, Target } from '../../target.ts';
import { bigEntryWriter } from '../big-entry-writer.ts';
import type { Dialect } from '../dialect.ts';
import { EntryWriter } from '../entry-writer.ts';
import { Kind } from '../in-flight.ts';
import type { LaneCounters } from '../lane-options.ts';
import { argumentsOfKey, type FindsKeys, NO_SLOT, SEVERAL, slotOf } from './key-slots.ts';
import { Marks } from './marks.ts';
import { PlainLane } from './plain-lane.ts';
import { Undone } from './undone.ts';

export interface ClusterTargetOptions {
  /** for all lanes together */
  inFlightBytes: number;
  onConflict: OnConflict;
  /** names the keys that Naru writes for itself */
  job: string;
  bigEntryBytes: number;
  /** what all nodes understand */
  dialect: Dialect;
  losses: Losses;
  keys: FindsKeys;
  /** it is a cluster: keys have slots, and transactions are possible in each. Else it is a proxy, which has one lane. */
  slots: boolean;
  /** An entry can not be written now, since its slot is being moved. */
  holdEntry(db: number, key: Buffer): void;
}

export interface ClusterListener {
  onAcked(offset: number, db: number): void;
  /** Something was not done, or nobody can tell; told once until `attach`. Nothing is acknowledged meanwhile. */
  onFailure(error: NaruError): void;
}

/** A node with the slots that it owns. */
export interface ClusterNode {
  readonly id: string;
  readonly connection: Connection;
}

interface Node {
  id: string;
  lane: PlainLane;
  entries: EntryWriter;
}

/** Commands without keys that each node has to do. */
const EACH_NODE = /^(FLUSHALL|FLUSHDB|FUNCTION)$/;

/**
 * A Redis Cluster, or a proxy, as target: one lane to each node, and each key's commands go to the lane of its slot, in order.
 *
 * No checkpoint can be kept in the transaction of the writes, since a cluster's transaction is about one slot. So all that was answered is done,
 * and what was not done, or may not have been (`Undone`), is found by looking at the stream once more, and copied again. That is the one answer
 * to everything that a cluster does: MOVED, ASK, TRYAGAIN, CLUSTERDOWN, a failover, a lost connection.
 *
 * A transaction of the source stays one as far as it is about one slot.
 */
export class ClusterTarget implements Target {
  readonly #options: ClusterTargetOptions;
  readonly #listener: ClusterListener;
  readonly #nodes: Node[] = [];
  readonly #marks = new Marks();
  /** slot -> index in `#nodes` */
  #routes: Int16Array = new Int16Array(SEVERAL);
  /** slots that are being moved: nothing is written to them */
  #moving: ReadonlySet<number> = new Set();
  #undone = new Undone();
  #broken = false;
  #flavour: Flavour = 'redis';
  #version = 0;
  #holding = false;
  #transactionSlot = NO_SLOT;
  #transactionNode: Node | undefined;
  #writing: Node | undefined;
  #reached = 0;
  #db = 0;
  #acked = -1;
  #waiting: (() => void)[] = [];

  constructor(options: ClusterTargetOptions, listener: ClusterListener) {
    this.#options = options;
    this.#listener = listener;
  }

  /** Totals of all lanes. */
  get counters(): LaneCounters {
    const total: LaneCounters = { keys: 0, skipped: 0, commands: 0, recopied: 0 };
    for (const { lane } of this.#nodes) {
      for (const name of Object.keys(total) as (keyof LaneCounters)[]) total[name] += lane.counters[name];
    }
    return total;
  }

  /** Goes on, behind `offset` of the source, with these nodes and routes (slot -> index in `nodes`). Nothing may be under way. */
  attach(
    nodes: readonly ClusterNode[],
    routes: Int16Array,
    moving: ReadonlySet<number>,
    offset: number,
    db: number,
  ): void {
    const indexes = nodes.map(({ id, connection }) => {
      const index = this.#indexOf(id);
      const { lane } = this.#nodes[index] as Node;
      if (connection !== undefined) lane.attach(connection);
      return index;
    });
    this.#routes = routes.map((index) => indexes[index] as number);
    this.#moving = moving;
    this.#undone = new Undone();
    this.#broken = false;
    this.#holding = false;
    this.#writing = undefined;
    this.#transactionNode = undefined;
    this.#reached = offset;
    this.#db = db;
    this.#acked = offset;
    this.#marks.clear();
  }

  /** Whether a node's lane has its connection still. */
  isAttached(id: string): boolean {
    return this.#nodes.some((node) => node.id === id && node.lane.attached);
  }

  /** Slots that were being moved come to rest, or others begin to. */
  set moving(slots: ReadonlySet<number>) {
    this.#moving = slots;
  }

  mayWrite(key: Buffer): boolean {
    return this.#moving.size === 0 || !this.#moving.has(keySlot(key, 0, key.length));
  }

  /** Whether a command with these keys goes to one node, or to several key by key. */
  takes(command: CommandView, found: FindsKeys, count: number): boolean {
    if (!this.#options.slots) return count <= 1 || argumentsOfKey(command) > 0;
    const slot = slotOf(command, found, count);
    if (slot === SEVERAL) return argumentsOfKey(command) > 0 && this.#moving.size === 0;
    return slot === NO_SLOT || !this.#moving.has(slot);
  }

  /** Breaks all lanes off. */
  fail(error: NaruError): void {
    this.#break(error);
  }

  /** After a failure: resolves once each lane that is left has answered everything. Then what was not done is known. */
  async settled(): Promise<Undone> {
    for (;;) {
      let waits = false;
      for (const [index, { lane }] of this.#nodes.entries()) {
        if (!lane.attached) continue;
        lane.breathe();
        if (!lane.atRest) this.#lose(index, lane);
        else if (lane.answered !== lane.written) waits = true;
      }
      if (!waits) return this.#undone;
      await this.#progress();
    }
  }

  /** Closes what is open. */
  close(): void {
    for (const { lane } of this.#nodes) lane.close();
  }

  // ---- Target

  get ready(): boolean {
    return this.#broken || this.#nodes.every(({ lane }) => !lane.attached || lane.ready);
  }

  async whenReady(): Promise<void> {
    while (!this.ready) await this.#progress();
  }

  rdbVersion(version: number, flavour: Flavour): void {
    this.#version = version;
    this.#flavour = flavour;
    for (const { entries } of this.#nodes) entries.rdbVersion(version, flavour);
  }

  entry(entry: EntryView): void {
    const slot = keySlot(entry.keyBuf, entry.keyStart, entry.keyEnd);
    if (this.#moving.has(slot)) this.#holdEntry(entry);
    else this.#nodeOf(slot).entries.write(this.#here(entry));
  }

  bigEntry(entry: EntryView): ValueSink {
    const slot = keySlot(entry.keyBuf, entry.keyStart, entry.keyEnd);
    return bigEntryWriter(this.#nodeOf(slot).lane, this.#here(entry), {
      ...this.#options,
      job: this.#partName(slot),
    });
  }

  functionLibrary(buf: Buffer, start: number, end: number, offset: number): void {
    for (const { entries, lane } of this.#nodes) {
      if (lane.attached) entries.functionLibrary(buf, start, end, offset);
    }
  }

  set(command: CommandView, db: number): void {
    this.command(command, db);
  }

  command(command: CommandView, _db: number): void {
    const { keys } = this.#options;
    const count = keys.find(command);
    const slot = slotOf(command, keys, count);
    if (slot === SEVERAL) this.#split(command, count);
    else if (slot === NO_SLOT) this.#keyless(command);
    else this.#forward(command, slot, 1);
  }

  beginWrite(_db: number, buf: Buffer, keyStart: number, keyEnd: number): RawCommandSink {
    this.#writing = this.#laneOf(keySlot(buf, keyStart, keyEnd));
    return this.#writing.lane.begin(0);
  }

  endWrite(offset: number, counted = true): void {
    this.#writing?.lane.end(Kind.COMMAND, counted ? 1 : 0, offset);
  }

  replace(entry: EntryView, dump: Buffer): Flavour {
    const { flavour, version } = openDump(dump, entry);
    const slot = keySlot(entry.keyBuf, entry.keyStart, entry.keyEnd);
    const { entries, lane } = this.#nodeOf(slot);
    const here = this.#here(entry);
    entries.rdbVersion(version, flavour);
    if (dump.length <= this.#options.bigEntryBytes || entry.type === TYPE_MODULE_2) {
      entries.replace(here);
      return flavour;
    }
    const options = {
      ...this.#options,
      job: this.#partName(slot),
      onConflict: 'overwrite',
      recopy: true,
    } as const;
    const sink = bigEntryWriter(lane, here, options);
    new ValueDecoder(entry.type, flavour, sink, entry.offset).write(dump, entry.valueStart, entry.valueEnd);
    return flavour;
  }

  remove(key: Buffer, _db: number, offset: number): void {
    const { lane } = this.#nodeOf(keySlot(key, 0, key.length));
    const output = lane.begin(0);
    output.begin(2);
    output.argText(this.#options.dialect.unlink && this.#options.slots ? 'UNLINK' : 'DEL');
    output.arg(key, 0, key.length);
    lane.end(Kind.RECOPY, 1, offset);
  }

  hold(on: boolean): void {
    this.#holding = on;
    if (!on) this.#commit();
  }

  reached(offset: number, db: number): void {
    this.#reached = offset;
    this.#db = db;
  }

  breathe(_idle: boolean): void {
    for (const { lane } of this.#nodes) lane.breathe();
    if (this.#broken) return;
    // What waits behind an answer belongs to what was reached already.
    const whole = this.#nodes.every(({ lane }) => lane.atRest || lane.inTransaction);
    if (whole && this.#reached > this.#marks.last)
      this.#marks.add(
        this.#reached,
        this.#db,
        this.#nodes.map(({ lane }) => lane.written),
      );
    this.#acknowledge();
  }

  async drained(): Promise<void> {
    this.breathe(true);
    while (!this.#broken && this.#acked < this.#reached) {
      await this.#progress();
      this.breathe(true);
    }
  }

  // ---- routes

  #indexOf(id: string): number {
    const known = this.#nodes.findIndex((node) => node.id === id);
    if (known >= 0) return known;
    const index = this.#nodes.length;
    const { dialect, losses, onConflict, inFlightBytes, slots } = this.#options;
    const lane = new PlainLane(
      {
        inFlightBytes,
        skipExisting: onConflict === 'skip',
        selects: false,
        moduleRefused: (offset) => losses.add('moduleValues', { offset }),
      },
      {
        onProgress: () => this.#onProgress(),
        onUndone: (offset, text, kind) => this.#onUndone(offset, text, kind),
        onFailure: (error) => this.#onLost(index, error),
      },
    );
    const entries = new EntryWriter(
      lane,
      { ...dialect, functions: dialect.functions && slots },
      losses,
      onConflict,
    );
    if (this.#version > 0) entries.rdbVersion(this.#version, this.#flavour);
    this.#nodes.push({ id, lane, entries });
    return index;
  }

  #nodeOf(slot: number): Node {
    return this.#nodes[this.#routes[slot] as number] as Node;
  }

  /** A cluster has one database. One object is reused, as the entry itself is. */
  #here(entry: EntryView): EntryView {
    entry.db = 0;
    return entry;
  }

  #holdEntry({ keyBuf, keyStart, keyEnd }: EntryView): void {
    this.#options.holdEntry(0, keyBuf.subarray(keyStart, keyEnd));
  }

  /** In the same slot as the key, so that it can be renamed. */
  #partName(slot: number): string {
    return this.#options.slots ? `${this.#options.job}:{${slotTag(slot)}}` : this.#options.job;
  }

  // ---- commands

  #forward(command: CommandView, slot: number, counted: number): void {
    const { lane } = this.#laneOf(slot);
    lane.begin(0);
    lane.output.raw(command.buf, command.frameStart, command.frameEnd);
    lane.end(Kind.COMMAND, counted, command.offset);
  }

  /** The lane for a command: within a transaction of the source, one of as many commands in a row as are for one slot. */
  #laneOf(slot: number): Node {
    const node = this.#nodeOf(slot);
    if (!this.#holding || !this.#options.slots) return node;
    if (this.#transactionNode === node && this.#transactionSlot === slot) return node;
    this.#commit();
    node.lane.beginTransaction();
    this.#transactionNode = node;
    this.#transactionSlot = slot;
    return node;
  }

  #commit(): void {
    this.#transactionNode?.lane.commit();
    this.#transactionNode = undefined;
    this.#transactionSlot = NO_SLOT;
  }

  /** Key by key. */
  #split(command: CommandView, count: number): void {
    const each = argumentsOfKey(command);
    const name = command.text(0);
    for (let i = 0; i < count; i++) {
      const first = this.#options.keys.positions[i] as number;
      const { buf, argStart, argEnd } = command;
      const { lane } = this.#laneOf(keySlot(buf, argStart[first] as number, argEnd[first] as number));
      const output = lane.begin(0);
      output.begin(1 + each);
      output.argText(name);
      for (let arg = first; arg < first + each; arg++)
        output.arg(buf, argStart[arg] as number, argEnd[arg] as number);
      lane.end(Kind.COMMAND, i === 0 ? 1 : 0, command.offset);
    }
  }

  #keyless(command: CommandView): void {
    const name = command.text(0).toUpperCase();
    if (name === 'SPUBLISH' && command.argc > 1) {
      const slot = keySlot(command.buf, command.argStart[1] as number, command.argEnd[1] as number);
      this.#forward(command, slot, 1);
      return;
    }
    if (name === 'PUBLISH') {
      this.#forward(command, 0, 1);
      return;
    }
    if (!EACH_NODE.test(name) || !this.#options.slots) {
      const text = `${name} has no key, so that nobody can tell for which node of the target it is`;
      throw new NaruError('COMMAND_REFUSED', text, { side: 'target', offset: command.offset });
    }
    this.#commit();
    let counted = 1;
    for (const { lane } of this.#nodes) {
      if (!lane.attached) continue;
      lane.begin(0);
      lane.output.raw(command.buf, command.frameStart, command.frameEnd);
      lane.end(Kind.COMMAND, counted, command.offset);
      counted = 0;
    }
  }

  // ---- what the lanes tell

  #onProgress(): void {
    this.#acknowledge();
    for (const wake of this.#waiting.splice(0)) wake();
  }

  #progress(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
    });
  }

  #acknowledge(): void {
    if (this.#broken) return;
    const mark = this.#marks.take((i) => (this.#nodes[i] as Node).lane.answered);
    if (mark === undefined || mark.offset <= this.#acked) return;
    this.#acked = mark.offset;
    this.#listener.onAcked(mark.offset, mark.db);
  }

  #onUndone(offset: number, text: string, kind: Kind): void {
    this.#undone.add(offset, text, kind);
    const code =
      kind === Kind.COMMAND &&
      !/^(MOVED|ASK|TRYAGAIN|CLUSTERDOWN|READONLY|LOADING|MASTERDOWN|EXECABORT) /.test(text)
        ? 'COMMAND_REFUSED'
        : 'TARGET_MOVED';
    this.#break(new NaruError(code, `The target answers: ${text}`, { side: 'target', offset }));
  }

  #onLost(index: number, error: NaruError): void {
    this.#lose(index, (this.#nodes[index] as Node).lane);
    this.#break(error);
  }

  /** What it has not answered may have been done; what is written from now on is not. */
  #lose(index: number, lane: PlainLane): void {
    const slots = new Set<number>();
    this.#routes.forEach((node, slot) => {
      if (node === index) slots.add(slot);
    });
    this.#undone.lose(slots, lane.lostFrom ?? this.#reached);
    lane.close();
  }

  #break(error: NaruError): void {
    if (this.#broken) return;
    this.#broken = true;
    this.#marks.clear();
    this.#listener.onFailure(error);
    this.#onProgress();
  }
}
