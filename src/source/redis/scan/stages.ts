import type { ScanWalk } from './cursors.ts';

/** One walk through one database, and where it begins. */
export interface Stage {
  readonly db: number;
  readonly walk: ScanWalk;
  readonly cursor: string;
}

/**
 * The stages of a scan in their order: database by database, and in each the walks. `from` is where an earlier scan stood (an empty cursor: at
 * the end of that walk); where its walk is not known any more, the shards are others, and its database begins anew.
 */
export function stagesOf(
  databases: readonly number[],
  walks: readonly ScanWalk[],
  from?: { readonly db: number; readonly walk: string; readonly cursor: string },
): Stage[] {
  const reached = walks.findIndex(({ name }) => name === from?.walk);
  const stages: Stage[] = [];
  for (const db of databases) {
    if (from !== undefined && db < from.db) continue;
    for (const [index, walk] of walks.entries()) {
      const cursor = db === from?.db && index === reached ? from.cursor : '0';
      const isDone = db === from?.db && index < reached;
      if (!isDone && cursor !== '') stages.push({ db, walk, cursor });
    }
  }
  return stages;
}
