import { NaruError } from '../../../errors/errors.ts';
import { keySlot, slotTag } from '../../../net/topology/slot.ts';
import type { EntryView, Flavour } from '../../../protocol/rdb/sink.ts';
import type { ValueSink } from '../../../protocol/rdb/value-sink.ts';
import type { CommandView } from '../../../protocol/resp/command-walker.ts';
import { Signal } from '../../../spool/signal.ts';
import type { RawCommandSink, Target } from '../../target.ts';
import { bigEntryWriter, PART_PREFIX } from '../big-entry-writer.ts';
import { Kind } from '../in-flight.ts';
import type { LaneCounters } from '../lane-options.ts';
import { passes } from '../meaning.ts';
import { writeRemoval } from '../removal.ts';
import type { ClusterListener, ClusterNode, ClusterTargetOptions } from './cluster-options.ts';
import { CommandRouter } from './command-router.ts';
import { copyAgain } from './copy-again.ts';
import { Databases } from './databases.ts';
import { type FindsKeys, passesCluster, passesProxy, SEVERAL } from './key-slots.ts';
import { Marks } from './marks.ts';
import { TargetNode } from './node.ts';
import type { PlainLane } from './plain-lane.ts';
import { type Redo, UNWANTED } from './redo.ts';
import { TargetNodes } from './target-nodes.ts';
import { refused, slotsOf, Undone } from './undone.ts';

/** `proto-max-bulk-len` of Redis where nobody has changed it. */
const BULK_BYTES_MAX = 512 * 1024 * 1024;

/**
 * A Redis Cluster, or a proxy, as target: one lane to each node, and each key's commands go to the lane of its slot, in order.
 *
 * No checkpoint can be kept in the transaction of the writes, since a cluster's transaction is about one slot. So what was answered, and has
 * gone to the node's replicas, is done, and what was not done, or may not have been (`Undone`), is found by looking at the stream once more, and
 * copied again. That is the one answer to everything that a cluster does: MOVED, ASK, TRYAGAIN, CLUSTERDOWN, a failover, a lost connection.
 *
 * A transaction of the source stays one as far as it is about one slot.
 */
export class ClusterTarget implements Target {
  readonly #options: ClusterTargetOptions;
  readonly #listener: ClusterListener;
  readonly #nodes: TargetNodes;
  readonly #marks = new Marks();
  /** slot -> index in `#nodes` */
  #routes: Int16Array = new Int16Array(SEVERAL);
  /** slots that are being moved: nothing is written to them */
  #moving: ReadonlySet<number> = new Set();
  #undone = new Undone();
  #broken = false;
  readonly #router: CommandRouter;
  #writing: PlainLane | undefined;
  readonly #databases: Databases;
  #reached = 0;
  #db = 0;
  /** offset of the snapshot's last entry that was given; -1: there is none, or the stream has begun */
  #given = -1;
  #againTo = 0;
  #acked = -1;
  readonly #progressed = new Signal();

  constructor(options: ClusterTargetOptions, listener: ClusterListener) {
    this.#options = options;
    this.#listener = listener;
    this.#databases = new Databases(options.databases);
    this.#router = new CommandRouter({
      ...options,
      laneOf: (slot) => this.#nodeOf(slot).lane,
      lanes: () => this.#nodes.attached(),
    });
    this.#nodes = new TargetNodes((id, index) => this.#makeNode(id, index));
  }

  /** A proxy passes no RENAME, by which the parts of a large entry become one. */
  get wholeEntryBytes(): number {
    return this.#options.slots ? 0 : BULK_BYTES_MAX;
  }

  get counters(): LaneCounters {
    return this.#nodes.counters;
  }

  /** Goes on, behind `offset` of the source, with these nodes and routes (slot -> index in `nodes`). Nothing may be under way. `redo`: see Redo. */
  attach(
    nodes: readonly ClusterNode[],
    routes: Int16Array,
    moving: ReadonlySet<number>,
    offset: number,
    db: number,
    redo?: Redo,
  ): void {
    this.#router.redo = redo;
    const indexes = nodes.map((node) => {
      const index = this.#nodes.indexOf(node.id);
      this.#nodes.at(index).connect(node);
      return index;
    });
    this.#nodes.retireAllBut(nodes.map(({ id }) => id));
    this.#againTo = this.#given + 1;
    for (const { lane } of this.#nodes.all) lane.again(this.#againTo);
    this.#routes = routes.map((index) => indexes[index] as number);
    this.#moving = moving;
    this.#undone = new Undone();
    this.#broken = false;
    this.#writing = undefined;
    this.#router.clear();
    this.#reached = offset;
    this.#db = db;
    this.#acked = offset;
    this.#marks.clear(this.#nodes.written);
    this.#loseDetached(indexes);
  }

  /** What lived when the others were connected may be lost by now, which nobody was told. */
  #loseDetached(indexes: readonly number[]): void {
    const lost = indexes.filter((index) => !this.#nodes.at(index).lane.attached);
    for (const index of lost) this.#lose(index);
    if (lost.length > 0)
      this.#break(new NaruError('LINK_LOST', 'The target was lost again', { side: 'target' }));
  }

  isAttached(id: string): boolean {
    return this.#nodes.all.some((node) => node.id === id && node.lane.attached);
  }

  set moving(slots: ReadonlySet<number>) {
    this.#moving = slots;
  }

  mayWrite(key: Buffer): boolean {
    return this.#moving.size === 0 || !this.#moving.has(keySlot(key, 0, key.length));
  }

  /** Whether a command with these keys goes to one node, or to several key by key. */
  takes(command: CommandView, found: FindsKeys, count: number): boolean {
    if (!this.#options.slots) return passesProxy(command, count);
    return passesCluster(command, found, count, this.#moving);
  }

  /**
   * Removes all keys, or those of a database of the source, at each node. Everything before it has to be acknowledged; resolves when this is too,
   * or when something breaks, and can then be done again. A key of a slot that is being moved can be under way meanwhile: then it is done once more.
   */
  async flush(db: number | undefined): Promise<void> {
    if (!this.#options.slots) throw refused('A proxy passes no FLUSHALL', this.#reached);
    const name = this.#databases.flushOf(db);
    if (name === undefined) return;
    const life = this.#undone;
    const lives = (): boolean => !this.#broken && this.#undone === life;
    do await this.#flushOnce(name, this.#databases.of(db ?? 0));
    while (lives() && !(await this.#options.slotsRest(lives)) && lives());
  }

  async #flushOnce(name: string, db: number): Promise<void> {
    for (const lane of this.#nodes.attached()) {
      const output = lane.begin(db);
      output.begin(1);
      output.argText(name);
      lane.end(Kind.COMMAND, 0, this.#reached);
    }
    this.breathe(true);
    while (!this.#broken && this.#nodes.all.some(({ durable, lane }) => durable < lane.written)) {
      await this.#progressed.wait();
      this.breathe(true);
    }
  }

  beginStream(): void {
    this.#given = -1;
  }

  fail(error: NaruError): void {
    this.#break(error);
  }

  /** After a failure: resolves once each lane that is left has answered everything. Then what was not done is known. */
  async settled(): Promise<Undone> {
    for (;;) {
      let waits = false;
      for (const [index, { lane }] of this.#nodes.all.entries()) {
        if (!lane.attached) continue;
        lane.breathe();
        if (!lane.atRest) this.#lose(index);
        else if (lane.answered !== lane.written) waits = true;
      }
      if (!waits) return this.#undone;
      await this.#progressed.wait();
    }
  }

  /** After `settled`: only these nodes have slots now. A failover may have lost what another one has answered. */
  leaveAllBut(ids: readonly string[]): void {
    for (const [index, { id, lane }] of this.#nodes.all.entries()) {
      if (lane.attached && !ids.includes(id)) this.#lose(index);
    }
  }

  close(): void {
    for (const node of this.#nodes.all) node.close();
  }

  // ---- Target

  get ready(): boolean {
    return this.#broken || this.#nodes.all.every(({ lane }) => !lane.attached || lane.ready);
  }

  async whenReady(): Promise<void> {
    while (!this.ready) await this.#progressed.wait();
  }

  rdbVersion(version: number, flavour: Flavour): void {
    this.#nodes.rdbVersion(version, flavour);
  }

  entry(entry: EntryView): void {
    const slot = keySlot(entry.keyBuf, entry.keyStart, entry.keyEnd);
    if (this.#moving.has(slot))
      this.#options.holdEntry(entry.db, entry.keyBuf.subarray(entry.keyStart, entry.keyEnd));
    else this.#nodeOf(slot).entries.write(this.#here(entry), this.#again(entry, slot));
  }

  bigEntry(entry: EntryView): ValueSink {
    if (!this.#options.slots) throw refused('A proxy can not pass so large an entry', entry.offset);
    const slot = keySlot(entry.keyBuf, entry.keyStart, entry.keyEnd);
    return bigEntryWriter(this.#nodeOf(slot).lane, this.#here(entry), {
      ...this.#options,
      ...(this.#nodes.overwrites && { onConflict: 'overwrite' }),
      job: this.#partName(slot),
      again: this.#again(entry, slot) !== undefined,
    });
  }

  functionLibrary(buf: Buffer, start: number, end: number, offset: number): void {
    for (const { entries, lane } of this.#nodes.all) {
      if (lane.attached) entries.functionLibrary(buf, start, end, offset);
    }
  }

  overwrite(on: boolean): void {
    this.#nodes.overwrite(on);
  }

  set(command: CommandView, db: number): void {
    this.command(command, db);
  }

  command(command: CommandView, db: number): void {
    this.#router.command(command, this.#databases.of(db));
  }

  beginWrite(db: number, buf: Buffer, keyStart: number, keyEnd: number): RawCommandSink {
    if (buf.length === 0) throw refused('A command is too large to tell for which node it is', this.#reached);
    this.#writing = this.#router.laneFor(this.#reached, buf, keyStart, keyEnd);
    if (this.#writing === undefined) return UNWANTED;
    return this.#writing.begin(this.#databases.of(db));
  }

  endWrite(offset: number, counted = true): void {
    this.#writing?.end(Kind.COMMAND, counted ? 1 : 0, offset);
  }

  replace(entry: EntryView, dump: Buffer): Flavour {
    const slot = keySlot(entry.keyBuf, entry.keyStart, entry.keyEnd);
    const whole = Math.max(this.#options.bigEntryBytes, this.wholeEntryBytes);
    const options = { ...this.#options, job: this.#partName(slot) };
    return copyAgain(this.#nodeOf(slot), this.#here(entry), dump, whole, options);
  }

  remove(key: Buffer, db: number, offset: number): void {
    const { lane } = this.#nodeOf(keySlot(key, 0, key.length));
    const unlink = this.#options.dialect.unlink && this.#options.slots;
    writeRemoval(lane, this.#databases.of(db), key, unlink, offset);
  }

  hold(on: boolean): void {
    this.#router.hold(on);
  }

  reached(offset: number, db: number): void {
    this.#reached = offset;
    this.#db = db;
  }

  breathe(_idle: boolean): void {
    for (const { lane } of this.#nodes.all) lane.breathe();
    if (this.#broken) return;
    // What waits behind an answer belongs to what was reached already.
    const whole = this.#nodes.all.every(({ lane }) => lane.atRest || lane.inTransaction);
    const written = this.#nodes.written;
    // Values that are copied again may be written at a place that is acknowledged already: they have to be answered too.
    if (whole && (this.#reached > this.#marks.last || this.#marks.lack(written)))
      this.#marks.add(this.#reached, this.#db, written);
    this.#acknowledge();
  }

  get isDrained(): boolean {
    if (this.#acked < this.#reached || this.#marks.waiting) return false;
    return this.#nodes.all.every(({ lane, durable }) => lane.atRest && durable >= lane.written);
  }

  async drained(): Promise<void> {
    this.breathe(true);
    while (!this.#broken && !this.isDrained) {
      await this.#progressed.wait();
      this.breathe(true);
    }
  }

  // ---- routes

  #makeNode(id: string, index: number): TargetNode {
    return new TargetNode(id, this.#options, {
      onProgress: () => this.#onProgress(),
      onUndone: (offset, text, kind) => this.#onUndone(offset, text, kind),
      onFailure: (error) => this.#onLost(index, error),
    });
  }

  #nodeOf(slot: number): TargetNode {
    return this.#nodes.at(this.#routes[slot] as number);
  }

  /** In the database that it goes to. */
  #here(entry: EntryView): EntryView {
    entry.db = this.#databases.of(entry.db);
    return entry;
  }

  /** An entry that was given before may be there: a name for it in that case. */
  #again({ offset }: EntryView, slot: number): string | undefined {
    if (offset > this.#given) this.#given = offset;
    return offset < this.#againTo ? PART_PREFIX + this.#partName(slot) : undefined;
  }

  /** In the same slot as the key, so that it can be renamed. */
  #partName(slot: number): string {
    return this.#options.slots ? `${this.#options.job}:{${slotTag(slot)}}` : this.#options.job;
  }

  // ---- what the lanes tell

  #onProgress(): void {
    for (const node of this.#nodes.all) node.look();
    this.#acknowledge();
    this.#progressed.wake();
  }

  #acknowledge(): void {
    if (this.#broken) return;
    const mark = this.#marks.take((i) => this.#nodes.at(i).durable);
    if (mark === undefined) return;
    this.#acked = mark.offset;
    for (const { lane } of this.#nodes.all) lane.acked(mark.offset);
    this.#listener.onAcked(mark.offset, mark.db);
  }

  #onUndone(offset: number, text: string, kind: Kind): void {
    this.#undone.add(offset, text, kind);
    const code = kind === Kind.COMMAND && !passes(text) ? 'COMMAND_REFUSED' : 'TARGET_MOVED';
    this.#break(new NaruError(code, `The target answers: ${text}`, { side: 'target', offset }));
  }

  #onLost(index: number, error: NaruError): void {
    this.#lose(index);
    this.#break(error);
  }

  /** What it has not answered may have been done, and what its replicas have not may be gone; what is written from now on is not done. */
  #lose(index: number): void {
    const node = this.#nodes.at(index);
    const sure = node.durable >= node.lane.written;
    this.#undone.lose(slotsOf(this.#routes, index), node.lostFrom(this.#reached), sure);
    node.close();
  }

  #break(error: NaruError): void {
    if (this.#broken) return;
    this.#broken = true;
    this.#marks.clear(this.#nodes.written);
    this.#listener.onFailure(error);
    this.#onProgress();
  }
}
