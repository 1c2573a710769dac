import path from 'node:path';
import { checkpointKey, formatCheckpoint } from '../checkpoint/checkpoint.ts';
import type { ResolvedSyncOptions } from '../config/sync-options.ts';
import { NaruError } from '../errors/errors.ts';
import { Pump } from '../pipeline/pump.ts';
import { SnapshotApplier } from '../pipeline/snapshot-applier.ts';
import { StreamApplier } from '../pipeline/stream-applier.ts';
import { ReplicationLink } from '../source/redis/link.ts';
import type { LinkListener } from '../source/source.ts';
import { Spool } from '../spool/spool.ts';
import type { LaneListener } from '../target/redis/lane-options.ts';
import { RedisTarget } from '../target/redis/redis-target.ts';
import { Acker } from './acker.ts';
import { canRestore, isBefore7, type NodeFacts, setTakesPxat } from './facts.ts';

export interface AssemblyInput {
  options: ResolvedSyncOptions;
  sourceNode: string;
  targetNode: string;
  targetFacts: NodeFacts;
  /** the target holds keys of its own that must outlive a FLUSHALL of the source */
  protectTarget: boolean;
  link: Omit<LinkListener, 'onSnapshotEnd'> & { onSnapshotEnd(end: number): void };
  target: LaneListener;
  onSnapshotApplied(): void;
}

/** The parts of a run, wired: what arrives goes link -> spool -> pump -> appliers -> target, and what is acknowledged comes back by `acker`. */
export interface Assembly {
  spool: Spool;
  link: ReplicationLink;
  pump: Pump;
  target: RedisTarget;
  acker: Acker;
}

/** Opens the spool and wires the rest; nothing is connected yet. Rejects with NaruError SPOOL_FAILED or SPOOL_DISK_FULL. */
export async function assemble(input: AssemblyInput): Promise<Assembly> {
  const { options, sourceNode, targetNode } = input;
  const spool = await Spool.open({
    dir: path.join(options.dir, fileName(`${sourceNode}--${targetNode}`)),
    memoryBytes: options.spoolMemory,
    diskBytesMax: options.spoolMax,
    // A snapshot that breaks off is of no use later: only what memory can't hold goes to disk.
    writeBehindBytes: Number.POSITIVE_INFINITY,
  });
  const link = makeLink(input, spool, (end, streamStart) => pump.snapshotEnds(end, streamStart));
  const acker = new Acker(
    {
      get phase() {
        return pump.phase;
      },
      get replid() {
        return link.replid;
      },
      streamOffset: (offset) => link.streamOffset(offset),
      spoolOffset: (offset) => link.spoolOffset(offset),
    },
    targetNode,
  );
  const target = makeTarget(input, acker);
  const pump: Pump = new Pump({
    spool,
    target,
    snapshot: makeSnapshotApplier(input, target),
    stream: makeStreamApplier(input, target, spool, link),
    bigEntryBytes: options.bigKeySize,
    node: sourceNode,
    streamOffset: (offset) => link.streamOffset(offset),
    onSnapshotApplied: input.onSnapshotApplied,
  });
  return { spool, link, pump, target, acker };
}

function makeLink(
  { options, link, targetFacts }: AssemblyInput,
  spool: Spool,
  snapshotEnds: (end: number, streamStart: number) => void,
): ReplicationLink {
  return new ReplicationLink(
    {
      endpoint: { ...options.from, db: 0 },
      tls: options.fromTls ?? {},
      connectTimeoutMs: options.connectTimeout,
      psyncCommand: options.psyncCommand,
      announceVersion: targetFacts.flavour === 'valkey' ? targetFacts.version : undefined,
      giveUpAfterMs: options.giveUpAfter,
      spool,
    },
    {
      ...link,
      onSnapshotEnd: (end, streamStart) => {
        link.onSnapshotEnd(end);
        snapshotEnds(end, streamStart);
      },
    },
  );
}

function makeTarget({ options, sourceNode, target, targetFacts }: AssemblyInput, acker: Acker): RedisTarget {
  return new RedisTarget(
    {
      inFlightBytes: options.inFlight,
      onConflict: options.onConflict ?? 'overwrite',
      job: sourceNode,
      before7: isBefore7(targetFacts),
      checkpointKey: checkpointKey(sourceNode),
      checkpointAt: (offset, db) => formatCheckpoint(acker.checkpointAt({ offset, db })),
    },
    target,
  );
}

function makeSnapshotApplier(input: AssemblyInput, target: RedisTarget): SnapshotApplier {
  const { targetFacts, targetNode } = input;
  return new SnapshotApplier(target, {
    functions: input.options.functions === 'copy',
    checkVersion: (version) => {
      if (canRestore(targetFacts, version)) return;
      throw new NaruError(
        'TARGET_TOO_OLD',
        `The source writes RDB version ${version}, which ${targetFacts.flavour} ${targetFacts.version} can not read`,
        { side: 'target', node: targetNode },
      );
    },
  });
}

function makeStreamApplier(
  { options, sourceNode, protectTarget, targetFacts }: AssemblyInput,
  target: RedisTarget,
  spool: Spool,
  link: ReplicationLink,
): StreamApplier {
  return new StreamApplier(target, {
    publish: options.publish,
    functions: options.functions === 'copy',
    protectTarget,
    setTakesPxat: setTakesPxat(targetFacts),
    checkpointKey: checkpointKey(sourceNode),
    arrivalMs: (offset) => spool.arrivalMs(offset),
    onGetAck: (offset) => link.ackWhen(link.streamOffset(offset)),
  });
}

function fileName(text: string): string {
  return text.replace(/[^\w.-]+/g, '_');
}
