import type { Pump } from '../pipeline/pump.ts';
import type { Recopier } from '../pipeline/recopy/recopier.ts';
import type { Spool } from '../spool/spool.ts';
import type { Acker } from './acker.ts';
import type { Assembly } from './assembly.ts';
import type { Counters, Phase } from './events.ts';
import type { Reading } from './meter.ts';
import type { Parts } from './parts.ts';

/** A place in a source's history: replication id and offset. */
export interface Position {
  replid: string;
  offset: number;
}

/** What the parts of a link show at this moment. */
export function readingOf(
  parts: Parts,
  phase: Phase,
  snapshotBytes: number | undefined,
  waiting: string | undefined,
): Reading {
  return {
    ...countersOf(parts),
    ...lagOf(parts),
    phase,
    spoolDiskBytes: parts.spool.diskBytes,
    snapshotBytes,
    snapshotAckedBytes: parts.acker.acked.offset,
    waiting,
  };
}

/** Up to where the target holds everything; undefined: not even the snapshot. */
export function positionOf({ pump, link, acker }: Assembly): Position | undefined {
  if (pump.phase === 'snapshot') return undefined;
  // A key that waits to be copied again is behind what is acknowledged.
  const offset = Math.min(acker.acked.offset, pump.rightTo);
  return { replid: link.replid, offset: link.streamOffset(offset) };
}

function countersOf({ target, spool, losses }: Parts): Counters {
  const { keys, skipped, commands, recopied, split } = target.counters;
  return { keys, skipped, lost: losses.total, commands, recopied, split, bytes: spool.end };
}

/**
 * Bytes that were received and not acknowledged by the target, and the age of the oldest of them. From the first command on whose keys wait to be copied
 * again all counts as not acknowledged; keys that wait for no command (their slot was moved) count for the age alone.
 */
export function lagOf({ spool, acker, pump, recopier }: Lagging): { lagMs: number; lagBytes: number } {
  const now = Date.now();
  const acked = acker.acked.offset;
  const right = pump.phase === 'stream' && pump.rightTo > 0 ? Math.min(acked, pump.rightTo) : acked;
  const lagMs = acked === spool.end ? 0 : now - spool.arrivalMs(acked);
  return { lagMs: Math.max(0, lagMs, now - (recopier?.waitsSinceMs ?? now)), lagBytes: spool.end - right };
}

interface Lagging {
  spool: Pick<Spool, 'end' | 'arrivalMs'>;
  acker: Pick<Acker, 'acked'>;
  pump: Pick<Pump, 'phase' | 'rightTo'>;
  recopier: Pick<Recopier, 'waitsSinceMs'> | undefined;
}

/** What can't be known after a connection broke: the target did a transaction whose answers never came. */
export function answersLost(bytes: number): string {
  return `The target did what ${bytes} bytes of the source ask for, but its answers were lost with the connection: a refusal among them (a key that exists, a wrong type) was not seen, and these are not counted.`;
}

/** The target has less than it had acknowledged, and all of that is here still. */
export function wentBack(bytes: number): string {
  return `The target came back without ${bytes} bytes of the source that it had acknowledged (a failover, or a restart from an older file): they are applied again.`;
}
