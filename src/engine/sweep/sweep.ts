/** Finds keys of the target that the source has no more. */
import type { Rules } from '../../rules/rules.ts';
import type { TargetKeys } from '../target-keys.ts';
import type { OwnKeys } from './own-keys.ts';
import type { SourceKeys } from './source-keys.ts';

export interface SweepOptions {
  target: TargetKeys;
  source: SourceKeys;
  /** keys of the target's own, which stay; undefined: it was empty when the run began */
  own: OwnKeys | undefined;
  /** the target has one database, and all of the source's go there */
  merged: boolean;
  /** By what names keys have in the target, which have to tell the key (`invertible`); undefined: by the source's */
  rules?: Rules | undefined;
  /**
   * The source had none of these a moment ago. The next ones come when it has resolved. A key may be told twice, and may be there again by now:
   * whoever is told has it read once more by its link, which writes what it finds (or that it is gone) in the order of its reads.
   */
  onGone(db: number, keys: Buffer[]): Promise<void>;
}

export interface Swept {
  /** keys of the target that were looked for at the source */
  looked: number;
  gone: number;
}

/**
 * Looks for each key of the target in the same database of the source; where the target has but one, in all of the source's. Naru's own keys, and those
 * of the target's own, are not looked for. Rejects with NaruError: SWEEP_IMPOSSIBLE where the target is a proxy that passes no SCAN.
 */
export async function sweep({ target, source, own, merged, rules, onGone }: SweepOptions): Promise<Swept> {
  const swept: Swept = { looked: 0, gone: 0 };
  await target.eachInAll(async (db, keys) => {
    const candidates = own === undefined ? keys : keys.filter((key) => !own.has(db, key, 0, key.length));
    if (candidates.length === 0) return;
    if (rules !== undefined) {
      const { looked, gone } = await goneByRules(source, rules, { db, names: candidates });
      swept.looked += looked;
      for (const [of, keys] of gone) {
        swept.gone += keys.length;
        await onGone(of, keys);
      }
      return;
    }
    swept.looked += candidates.length;
    const gone = await missing(source, merged ? await source.databases() : [db], candidates);
    if (gone.length === 0) return;
    swept.gone += gone.length;
    await onGone(db, gone);
  });
  return swept;
}

/** Those of `keys` that none of these databases has. */
async function missing(source: SourceKeys, databases: readonly number[], keys: Buffer[]): Promise<Buffer[]> {
  let left = keys;
  for (const db of databases) {
    if (left.length === 0) return left;
    const there = await source.exist(db, left);
    left = left.filter((_, i) => !there[i]);
  }
  return left;
}

/**
 * The keys of the source, by database, that would become one of these names, where none of those has the key. All keys that could have become it are told: one
 * of them was read.
 */
async function goneByRules(
  source: SourceKeys,
  rules: Rules,
  { db, names }: { db: number; names: readonly Buffer[] },
): Promise<{ looked: number; gone: Map<number, Buffer[]> }> {
  const own = rules.oneDatabase ? await source.databases() : [db, ...rules.mappedDbs.keys()];
  const databases = own.filter((from) => rules.mapDb(from) === db);
  const isThere = new Set<number>();
  const all: { from: number; key: Buffer; i: number }[] = [];
  for (const from of databases) {
    const keys = names.flatMap((name, i) => rules.origins(from, name).map((key) => ({ from, key, i })));
    if (keys.length === 0) continue;
    const there = await source.exist(
      from,
      keys.map(({ key }) => key),
    );
    for (const [at, { i }] of keys.entries()) if (there[at]) isThere.add(i);
    all.push(...keys);
  }
  const gone = new Map<number, Buffer[]>();
  for (const { from, key, i } of all) {
    if (isThere.has(i)) continue;
    const keys = gone.get(from);
    if (keys === undefined) gone.set(from, [key]);
    else keys.push(key);
  }
  return { looked: new Set(all.map(({ i }) => i)).size, gone };
}

/** What stands in the target now, before anything is written there. Undefined: nothing. Rejects as `sweep` does. */
export async function readOwnKeys(target: TargetKeys, own: OwnKeys): Promise<OwnKeys | undefined> {
  await target.eachInAll(async (db, keys) => {
    for (const key of keys) own.add(db, key, 0, key.length);
  });
  return own.size === 0 ? undefined : own;
}
