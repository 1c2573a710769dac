import type { Naru } from './naru.ts';

/** Resolves when the run has told that it is in sync, for which the writer rests: on a busy machine one that never pauses may be ahead for good. */
export async function synced(naru: Naru, writer: { pause(): Promise<void>; resume(): void }): Promise<void> {
  await writer.pause();
  await naru.untilEvent('synced');
  writer.resume();
}
