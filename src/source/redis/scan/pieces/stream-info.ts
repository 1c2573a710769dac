/** What XINFO and XPENDING tell of a stream. */
import type { RespClient } from '../../../../net/client.ts';
import type { StreamMeta } from '../../../../protocol/rdb/value-sink.ts';
import type { Reply } from '../../../../protocol/resp/reply.ts';
import { askAll, askIfKnown } from './ask.ts';
import { behind, type Id, lessThan, parseId, textOf } from './stream-id.ts';

export interface GroupInfo {
  readonly name: Buffer;
  readonly last: Id;
  /** -1n: unknown, or not told */
  readonly entriesRead: bigint;
  readonly pending: number;
}

export interface ConsumerInfo {
  readonly name: Buffer;
  readonly seenAtMs: number;
  /** -1: never */
  readonly activeAtMs: number;
  readonly pending: number;
}

export interface PendingInfo {
  readonly id: Id;
  readonly deliveredAtMs: number;
  readonly deliveries: number;
}

export interface StreamInfo {
  readonly meta: StreamMeta;
  readonly groups: readonly GroupInfo[];
}

/** Pending entries to ask for at once. */
const PAGE = 300;
const SAME_MS_TRIES = 10;

/** undefined: there is no such key. */
export async function streamInfo(client: RespClient, key: Buffer): Promise<StreamInfo | undefined> {
  const [type] = await askAll(client, ['TYPE', key]);
  if (type === 'none') return undefined;
  const [info, groups] = await askAll(client, ['XINFO', 'STREAM', key], ['XINFO', 'GROUPS', key]);
  return {
    meta: metaOf(fieldsOf(info)),
    groups: (groups as Reply[]).map((group) => groupOf(fieldsOf(group))),
  };
}

/** Before Redis 7 there were no counters: as in the RDB, what is left out is what Redis 7 makes of it. */
function metaOf(info: Map<string, Reply>): StreamMeta {
  const length = Number(info.get('length'));
  const last = idOf(info.get('last-generated-id'));
  const deleted = idOf(info.get('max-deleted-entry-id'));
  const first = idOf(info.get('recorded-first-entry-id'));
  return {
    length,
    lastMs: last.ms,
    lastSeq: last.seq,
    firstMs: first.ms,
    firstSeq: first.seq,
    maxDeletedMs: deleted.ms,
    maxDeletedSeq: deleted.seq,
    entriesAdded: BigInt((info.get('entries-added') as number | bigint | undefined) ?? length),
  };
}

function groupOf(info: Map<string, Reply>): GroupInfo {
  const read = info.get('entries-read') as number | bigint | null | undefined;
  return {
    name: info.get('name') as Buffer,
    last: idOf(info.get('last-delivered-id')),
    entriesRead: read === null || read === undefined ? -1n : BigInt(read),
    pending: Number(info.get('pending') ?? info.get('pel-count')),
  };
}

/** Times count from now, so they are some milliseconds off. `nowMs`: the source's clock. */
export async function consumersOf(client: RespClient, key: Buffer, group: Buffer): Promise<ConsumerInfo[]> {
  const [time, consumers] = await askAll(client, ['TIME'], ['XINFO', 'CONSUMERS', key, group]);
  const nowMs = milliseconds(time);
  return (consumers as Reply[]).map((each) => {
    const info = fieldsOf(each);
    const seenAtMs = nowMs - Number(info.get('idle'));
    const inactive = info.get('inactive');
    return {
      name: info.get('name') as Buffer,
      seenAtMs,
      activeAtMs: inactive === undefined ? seenAtMs : Number(inactive) < 0 ? -1 : nowMs - Number(inactive),
      pending: Number(info.get('pending')),
    };
  });
}

/** XPENDING, page by page. `consumer` undefined: those of the whole group. */
export async function* pendingOf(
  client: RespClient,
  key: Buffer,
  group: Buffer,
  consumer?: Buffer,
): AsyncGenerator<PendingInfo[]> {
  for (let from: Id = { ms: 0n, seq: 0n }; ; ) {
    const command = [
      'XPENDING',
      key,
      group,
      textOf(from),
      '+',
      PAGE,
      ...(consumer === undefined ? [] : [consumer]),
    ];
    const [nowMs, page] = await askAtOneTime(client, command);
    yield page.map(([id, , idle, deliveries]) => ({
      id: parseId(id),
      deliveredAtMs: nowMs - idle,
      deliveries,
    }));
    const last = page.at(-1);
    if (last === undefined || page.length < PAGE) return;
    from = behind(parseId(last[0]));
  }
}

type PendingReply = [id: Buffer, consumer: Buffer, idleMs: number, deliveries: number][];

/** Idle times count from the millisecond in which they are told: so that has to be one. After some tries one is as good as the next. */
async function askAtOneTime(
  client: RespClient,
  command: readonly (string | Buffer | number)[],
): Promise<[nowMs: number, page: PendingReply]> {
  for (let left = SAME_MS_TRIES; ; left--) {
    const [before, page, after] = await askAll(client, ['TIME'], command, ['TIME']);
    const nowMs = milliseconds(before);
    if (left === 0 || nowMs === milliseconds(after)) return [nowMs, page as PendingReply];
  }
}

export interface FullGroup extends GroupInfo {
  readonly consumers: readonly (ConsumerInfo & { readonly list: readonly PendingInfo[] })[];
}

/** XINFO STREAM FULL (Redis 6.0): all of the groups with exact times, where none has more than `pendingMax` pending entries. Undefined: unknown there. */
export async function fullGroups(
  client: RespClient,
  key: Buffer,
  pendingMax: number,
): Promise<FullGroup[] | undefined> {
  const reply = await askIfKnown(client, 'XINFO', 'STREAM', key, 'FULL', 'COUNT', Math.max(1, pendingMax));
  if (reply === undefined) return undefined;
  const groups = fieldsOf(reply).get('groups') as Reply[];
  return groups.map((group) => {
    const info = fieldsOf(group);
    const consumers = (info.get('consumers') as Reply[]).map((each) => fullConsumer(fieldsOf(each)));
    return { ...groupOf(info), pending: Number(info.get('pel-count')), consumers };
  });
}

function fullConsumer(info: Map<string, Reply>): FullGroup['consumers'][0] {
  const seenAtMs = Number(info.get('seen-time'));
  const list = (info.get('pending') ?? info.get('pel')) as [Buffer, number, number][];
  return {
    name: info.get('name') as Buffer,
    seenAtMs,
    activeAtMs: Number(info.get('active-time') ?? seenAtMs),
    pending: Number(info.get('pel-count')),
    list: list.map(([id, deliveredAtMs, deliveries]) => ({ id: parseId(id), deliveredAtMs, deliveries })),
  };
}

/** What is remembered of messages that are gone though they are pending: some 10 MB. (As many as `RebuildStream` makes again.) */
const GONE_MAX = 100_000;

/** The pending entries whose messages were deleted, in the order of their ids. */
export async function goneOf(client: RespClient, key: Buffer, groups: readonly GroupInfo[]): Promise<Id[]> {
  const gone = new Map<string, Id>();
  for (const { name } of groups) {
    for await (const page of pendingOf(client, key, name)) {
      const ids = page.map(({ id }) => textOf(id));
      const found = await askAll(client, ...ids.map((id) => ['XRANGE', key, id, id]));
      for (const [i, { id }] of page.entries()) {
        if ((found[i] as Reply[]).length === 0 && gone.size < GONE_MAX) gone.set(ids[i] as string, id);
      }
    }
  }
  return [...gone.values()].sort((a, b) => (lessThan(a, b) ? -1 : lessThan(b, a) ? 1 : 0));
}

/** A flat array of names and values. */
function fieldsOf(reply: Reply | undefined): Map<string, Reply> {
  const items = reply as Reply[];
  const fields = new Map<string, Reply>();
  for (let i = 0; i + 1 < items.length; i += 2) fields.set(String(items[i]), items[i + 1] as Reply);
  return fields;
}

function idOf(text: Reply | undefined): Id {
  return parseId(text === undefined ? '0-0' : String(text));
}

function milliseconds(time: Reply | undefined): number {
  const [seconds, micros] = time as Buffer[];
  return Number(seconds) * 1000 + Math.floor(Number(micros) / 1000);
}
