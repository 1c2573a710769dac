/** The two ways in which a scan learns what keys there are. */
import { createReadStream } from 'node:fs';
import { keySlot } from '../../net/topology/slot.ts';
import type { ScanPlace } from '../../source/redis/scan/batch.ts';
import type { ScanWalk } from '../../source/redis/scan/cursors.ts';
import { keysIn } from '../../source/redis/scan/keys-file.ts';
import type { ScanLink } from '../../source/redis/scan/scan-link.ts';
import { stagesOf } from '../../source/redis/scan/stages.ts';

/** All keys, from where an earlier scan stood; `sinceMs` as of `ScanLink.walk`. Rejects with NaruError. */
export async function walkAll(
  link: ScanLink,
  databases: readonly number[],
  walks: readonly ScanWalk[],
  from: ScanPlace | undefined,
  sinceMs?: number,
): Promise<void> {
  for (const { db, walk, cursor } of stagesOf(databases, walks, from))
    await link.walk(walk, db, cursor, sinceMs);
}

/** The keys that a file names, of a cluster's those that are this node's. Rejects with NaruError. */
export async function readFileKeys(
  link: ScanLink,
  file: string,
  db: number,
  owns: ((slot: number) => boolean) | undefined,
  from: ScanPlace | undefined,
): Promise<void> {
  const start = Number(from?.cursor ?? 0);
  await link.keys(db, owned(keysIn(createReadStream(file, { start }), db, start), owns));
}

async function* owned(
  keys: ReturnType<typeof keysIn>,
  owns: ((slot: number) => boolean) | undefined,
): ReturnType<typeof keysIn> {
  for await (const one of keys) if (owns?.(keySlot(one.key, 0, one.key.length)) !== false) yield one;
}
