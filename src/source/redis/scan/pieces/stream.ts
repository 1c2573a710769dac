/** Streams, a page at a time. */
import type { StreamMeta } from '../../../../protocol/rdb/value-sink.ts';
import { ask } from './ask.ts';
import type { Outcome, Pieces } from './collections.ts';
import { behind, type Id, lessThan, parseId, textOf } from './stream-id.ts';
import {
  type ConsumerInfo,
  consumersOf,
  fullGroups,
  type GroupInfo,
  goneOf,
  type PendingInfo,
  pendingOf,
  streamInfo,
} from './stream-info.ts';

const COUNT_FIRST = 64;
const COUNT_MAX = 10_000;

/** It does not fit into one entry, and what has to be known for parts is not. */
class TooLarge extends Error {}

/**
 * Entries first, in their order, then what XINFO and XPENDING tell of the rest. A stream in parts is made by commands, and by these a pending
 * entry whose message is gone can only be made together with the messages (RebuildStream): so one that shows to be large is begun again, with
 * these known.
 */
export async function readStream(pieces: Pieces): Promise<Outcome> {
  const info = await streamInfo(pieces.client, pieces.key);
  if (info === undefined) return 'gone';
  try {
    return await new StreamReading(pieces, info.meta, undefined).read();
  } catch (error) {
    if (!(error instanceof TooLarge)) throw error;
  }
  const gone = await goneOf(pieces.client, pieces.key, info.groups);
  return new StreamReading(pieces, info.meta, gone).read();
}

class StreamReading {
  readonly #pieces: Pieces;
  #meta: StreamMeta;
  /** undefined: it has to fit into one entry */
  readonly #gone: Id[] | undefined;
  #goneAt = 0;
  #entries = 0;
  #bytes = 0;
  #first: Id = { ms: 0n, seq: 0n };

  constructor(pieces: Pieces, meta: StreamMeta, gone: Id[] | undefined) {
    this.#pieces = pieces;
    this.#meta = meta;
    this.#gone = gone;
  }

  async read(): Promise<Outcome> {
    const { client, key, parts, digest, expireAtMs } = this.#pieces;
    parts.begin(key, expireAtMs, 'stream');
    digest.begin(true);
    await this.#readEntries();
    const info = await streamInfo(client, key);
    if (info === undefined) return 'gone';
    const { ms: firstMs, seq: firstSeq } = this.#first;
    this.#meta = { ...info.meta, length: this.#entries, firstMs, firstSeq };
    await this.#readGroups(info.groups);
    parts.value.streamMeta(this.#meta);
    digest.part(Buffer.from(`${this.#meta.lastMs}-${this.#meta.lastSeq} ${this.#meta.entriesAdded}`));
    digest.end();
    return info.meta.length === this.#entries ? 'read' : 'changed';
  }

  async #readEntries(): Promise<void> {
    const { client, key, pieceBytes } = this.#pieces;
    let count = COUNT_FIRST;
    for (let from: Id = { ms: 0n, seq: 0n }; ; ) {
      const page = (await ask(client, 'XRANGE', key, textOf(from), '+', 'COUNT', count)) as [
        Buffer,
        Buffer[],
      ][];
      let bytes = 0;
      for (const [text, pairs] of page) {
        const id = parseId(text);
        if (this.#entries++ === 0) this.#first = id;
        this.#tellGone(id);
        bytes += this.#entry(id, pairs);
        from = behind(id);
      }
      this.#bytes += bytes;
      if (page.length < count) break;
      const fits = Math.floor(pieceBytes / (bytes / page.length + 32));
      count = Math.max(1, Math.min(fits, 4 * count, COUNT_MAX));
      await this.#partWhenFull();
    }
    this.#tellGone(undefined);
  }

  #entry(id: Id, pairs: readonly Buffer[]): number {
    const { parts, digest } = this.#pieces;
    parts.value.streamEntry(id.ms, id.seq);
    digest.part(Buffer.from(textOf(id)));
    let bytes = 0;
    for (const element of pairs) {
      parts.value.element(element, 0, element.length);
      digest.part(element);
      bytes += element.length;
    }
    digest.itemEnd();
    return bytes;
  }

  /** Those before this entry; undefined: all that are left. */
  #tellGone(before: Id | undefined): void {
    for (; this.#gone !== undefined && this.#goneAt < this.#gone.length; this.#goneAt++) {
      const id = this.#gone[this.#goneAt] as Id;
      if (before !== undefined && !lessThan(id, before)) return;
      this.#pieces.parts.value.streamDeleted(id.ms, id.seq);
    }
  }

  async #partWhenFull(): Promise<boolean> {
    const { parts } = this.#pieces;
    if (!parts.full) return false;
    if (this.#gone === undefined) throw new TooLarge();
    parts.value.streamMeta(this.#meta);
    await parts.part();
    return true;
  }

  /** With exact times, where what XINFO STREAM FULL gives is not more than a piece: it gives as many entries as pending ones. */
  async #readGroups(groups: readonly GroupInfo[]): Promise<void> {
    const { client, key, pieceBytes } = this.#pieces;
    const pendingMax = Math.max(0, ...groups.map(({ pending }) => pending));
    const entryBytes = this.#entries === 0 ? 0 : this.#bytes / this.#entries;
    const small = groups.length > 0 && pendingMax * (entryBytes + 64) <= pieceBytes;
    const full = small ? await fullGroups(client, key, pendingMax) : undefined;
    if (full?.every(({ consumers }) => consumers.every(({ pending, list }) => pending === list.length))) {
      for (const group of full) {
        this.#group(group);
        for (const consumer of group.consumers) {
          this.#consumer(consumer);
          await this.#pending(group, consumer, consumer.list);
        }
      }
      return;
    }
    for (const group of groups) {
      this.#group(group);
      for (const consumer of await consumersOf(client, key, group.name)) {
        this.#consumer(consumer);
        if (consumer.pending === 0) continue;
        for await (const page of pendingOf(client, key, group.name, consumer.name)) {
          await this.#pending(group, consumer, page);
        }
      }
    }
  }

  #group({ name, last, entriesRead }: GroupInfo): void {
    const { parts, digest } = this.#pieces;
    // When entries were delivered is told as how long ago that was.
    digest.vague = true;
    parts.value.streamGroup(name, last.ms, last.seq, entriesRead);
    digest.part(name);
    digest.part(Buffer.from(textOf(last)));
  }

  #consumer({ name, seenAtMs, activeAtMs }: ConsumerInfo): void {
    this.#pieces.parts.value.streamConsumer(name, seenAtMs, activeAtMs);
    this.#pieces.digest.part(name);
  }

  /** In the next part group and consumer are told again. */
  async #pending(group: GroupInfo, consumer: ConsumerInfo, list: readonly PendingInfo[]): Promise<void> {
    const { parts, digest } = this.#pieces;
    for (const { id, deliveredAtMs, deliveries } of list) {
      parts.value.streamPending(id.ms, id.seq, deliveredAtMs, deliveries);
      digest.part(Buffer.from(`${textOf(id)} ${deliveries}`));
    }
    if (!(await this.#partWhenFull())) return;
    parts.value.streamGroup(group.name, group.last.ms, group.last.seq, group.entriesRead);
    parts.value.streamConsumer(consumer.name, consumer.seenAtMs, consumer.activeAtMs);
  }
}
