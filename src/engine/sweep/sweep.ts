/** Finds keys of the target that the source has no more. */
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
export async function sweep({ target, source, own, merged, onGone }: SweepOptions): Promise<Swept> {
  const swept: Swept = { looked: 0, gone: 0 };
  await target.eachInAll(async (db, keys) => {
    const candidates = own === undefined ? keys : keys.filter((key) => !own.has(db, key, 0, key.length));
    if (candidates.length === 0) return;
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

/** What stands in the target now, before anything is written there. Undefined: nothing. Rejects as `sweep` does. */
export async function readOwnKeys(target: TargetKeys, own: OwnKeys): Promise<OwnKeys | undefined> {
  await target.eachInAll(async (db, keys) => {
    for (const key of keys) own.add(db, key, 0, key.length);
  });
  return own.size === 0 ? undefined : own;
}
