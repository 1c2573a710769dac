import type { Assembly } from './assembly.ts';
import type { Counters, DoneEvent } from './events.ts';

/** What the parts of a run show at this moment. */
export function countersOf({ target, spool, losses }: Assembly): Counters {
  const { keys, skipped, commands, recopied } = target.counters;
  return { keys, skipped, lost: losses.total, commands, recopied, bytes: spool.end };
}

/** Bytes that were received and not acknowledged by the target, and the age of the oldest of them. */
export function lagOf({ spool, acker }: Assembly): { lagMs: number; lagBytes: number } {
  const acked = acker.acked.offset;
  const lagBytes = spool.end - acked;
  return { lagMs: lagBytes === 0 ? 0 : Math.max(0, Date.now() - spool.arrivalMs(acked)), lagBytes };
}

export function doneEvent(parts: Assembly, ms: number): DoneEvent {
  const { replid } = parts.link;
  const offset = parts.link.streamOffset(parts.acker.acked.offset);
  return { event: 'done', ...countersOf(parts), ms, ...lagOf(parts), replid, offset };
}

/** What can't be known after a connection broke: the target did a transaction whose answers never came. */
export function answersLost(bytes: number): string {
  return `The target did what ${bytes} bytes of the source ask for, but its answers were lost with the connection: a refusal among them (a key that exists, a wrong type) was not seen, and these are not counted.`;
}
