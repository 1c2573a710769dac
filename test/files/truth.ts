/** What servers said of the data in test/fixtures/rdb, in the form of `naru decode`. */
import { readdirSync, readFileSync } from 'node:fs';
import { fixture } from './run.ts';

export interface Truth {
  type: string;
  /** base64 */
  value: unknown;
  expireAtMs?: number;
  /** field (base64) -> ms since 1970 */
  fieldExpireAtMs?: Record<string, number>;
}

export interface TruthFile {
  server: string;
  functions: { library_code: string }[] | null;
  databases: Record<string, Record<string, Truth>>;
}

export const fixtures: string[] = readdirSync(fixture('rdb'))
  .filter((name) => name.endsWith('.rdb'))
  .map((name) => name.slice(0, -4));

export function readTruth(name: string): TruthFile {
  return JSON.parse(readFileSync(fixture(`rdb/${name}.json`), 'utf8')) as TruthFile;
}

/** A string of `naru decode`. */
export type Shown = string | { base64: string };

export function toBase64(shown: Shown): string {
  return typeof shown === 'string' ? Buffer.from(shown).toString('base64') : shown.base64;
}

interface ShownGroup {
  name: string;
  lastId: string;
  entriesRead: number | null;
  consumers: { name: string; pending: [string, number, number][] }[];
}

interface ShownStream {
  entries: [string, Shown[] | null][];
  length: number;
  lastId: string;
  entriesAdded: number;
  maxDeletedId: string;
  groups: ShownGroup[];
}

interface TrueStream {
  entries: unknown;
  info: { length: string; [name: string]: string };
  groups: {
    name: string;
    'last-delivered-id': string;
    'entries-read'?: string | null;
    pel: unknown[][];
    consumers: string[];
  }[];
}

/** What two streams are compared by. */
interface StreamForm {
  entries: unknown;
  length: number;
  lastId: string | undefined;
  entriesAdded: number;
  maxDeletedId: string;
  groups: { name: string; last: string; read: number | null; consumers: string[]; pel: string[] }[];
}

const sorted = <T>(items: T[]): T[] => items.sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));

/** An entry's value in a form that is the same for equal values. */
export function shownValue(type: string, value: unknown): unknown {
  switch (type) {
    case 'string':
      return toBase64(value as Shown);
    case 'list':
      return (value as Shown[]).map(toBase64);
    case 'set':
      return sorted((value as Shown[]).map(toBase64));
    case 'zset':
      return sorted((value as [Shown, number | string][]).map(([m, score]) => [toBase64(m), score]));
    case 'hash':
      return sorted(
        (value as [Shown, Shown, number?][]).map(([f, v, ms]) => [toBase64(f), toBase64(v), ms ?? -1]),
      );
    default:
      return shownStream(value as ShownStream);
  }
}

function shownStream(value: ShownStream): StreamForm {
  const { length, lastId, entriesAdded, maxDeletedId } = value;
  const groups = value.groups.map(({ name, lastId: last, entriesRead: read, consumers }) => ({
    name,
    last,
    read,
    consumers: consumers.map((consumer) => consumer.name),
    pel: sorted(consumers.flatMap((c) => c.pending.map(([id, , n]) => `${id} ${c.name} ${n}`))),
  }));
  const entries = value.entries.flatMap(([id, items]) => (items === null ? [] : [[id, items.map(toBase64)]]));
  return { entries, length, lastId, entriesAdded, maxDeletedId, groups };
}

/** The same form, from the truth; what an old server does not tell is taken from `shown`. */
export function trueValue(truth: Truth, shown: unknown): unknown {
  switch (truth.type) {
    case 'string':
    case 'list':
      return truth.value;
    case 'set':
      return sorted([...(truth.value as string[])]);
    case 'zset':
      return sorted((truth.value as [string, string][]).map(([m, score]) => [m, trueScore(score)]));
    case 'hash':
      return sorted(
        (truth.value as [string, string][]).map(([f, v]) => [f, v, truth.fieldExpireAtMs?.[f] ?? -1]),
      );
    default:
      return trueStream(truth.value as TrueStream, shown as StreamForm);
  }
}

const trueScore = (score: string): number | string =>
  ['inf', '-inf', '-0', 'nan'].includes(score) ? score : Number(score);

function trueStream({ entries, info, groups }: TrueStream, shown: StreamForm): StreamForm {
  return {
    entries,
    length: Number(info.length),
    lastId: info['last-generated-id'],
    entriesAdded: Number(info['entries-added'] ?? shown.entriesAdded),
    maxDeletedId: info['max-deleted-entry-id'] ?? shown.maxDeletedId,
    groups: groups.map((group, i) => {
      const read = group['entries-read'];
      const known = shown.groups[i]?.read ?? null;
      return {
        name: group.name,
        last: group['last-delivered-id'],
        read: read === undefined ? known : read === null ? null : Number(read),
        consumers: group.consumers,
        pel: sorted(group.pel.map((pending) => pending.join(' '))),
      };
    }),
  };
}
