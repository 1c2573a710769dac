import path from 'node:path';
import { loadRules } from '../../config/rules-of-options.ts';
import type { ResolvedScanOptions } from '../../config/scan-options.ts';
import type { Endpoint } from '../../net/url.ts';
import { KeyFinder } from '../../pipeline/keys/key-finder.ts';
import { KeyTable } from '../../pipeline/keys/key-table.ts';
import { Pump } from '../../pipeline/pump.ts';
import { SnapshotApplier } from '../../pipeline/snapshot-applier.ts';
import { StreamApplier } from '../../pipeline/stream-applier.ts';
import { VALKEY_VERSION_MAX } from '../../protocol/rdb/types.ts';
import type { Rules } from '../../rules/rules.ts';
import type { Batch } from '../../source/redis/scan/batch.ts';
import type { ScanWalk } from '../../source/redis/scan/cursors.ts';
import type { Load } from '../../source/redis/scan/load.ts';
import type { ScanMemory } from '../../source/redis/scan/memory.ts';
import type { Pace } from '../../source/redis/scan/pace.ts';
import { TypedReader } from '../../source/redis/scan/pieces/typed-reader.ts';
import { RecordWriter } from '../../source/redis/scan/records.ts';
import { ScanLink, type ScanLinkListener } from '../../source/redis/scan/scan-link.ts';
import type { ToldKeys } from '../../source/redis/scan/told-keys.ts';
import { Spool } from '../../spool/spool.ts';
import { dialectOf } from '../../target/redis/dialect.ts';
import { Acker } from '../acker.ts';
import { fileName, renamedTarget } from '../assembly.ts';
import type { CheckedTarget } from '../checked-target.ts';
import type { NodeFacts } from '../facts.ts';
import type { Parts } from '../parts.ts';
import type { TargetListener, TargetSide } from '../target-side.ts';

export interface ScanAssemblyInput {
  options: ResolvedScanOptions;
  sourceNode: string;
  walks: readonly ScanWalk[];
  /** of a scan that follows changes */
  memory: ScanMemory | undefined;
  /** of a cluster that is followed, as in ReaderOptions */
  sift: ((batch: Batch) => void) | undefined;
  /** where keys of the target are kept */
  told: ToldKeys | undefined;
  side: TargetSide;
  checked: CheckedTarget;
  source: NodeFacts;
  pace: Pace;
  load: Load;
  endpoint(): Promise<Endpoint>;
  link: ScanLinkListener;
  target: TargetListener;
  onAllGiven(): void;
}

/** The parts of a link that scans: what is read goes link -> records -> spool -> pump -> applier -> target. */
export interface ScanAssembly extends Parts {
  link: ScanLink;
  records: RecordWriter;
  /** undefined: all is copied as it is */
  rules: Rules | undefined;
}

/** A checkpoint at the target names whose offset it is; a scan's is its own spool's, so that it is of no use to any other run. */
const NO_REPLID = '0'.repeat(40);

/** Opens the spool and wires the rest; nothing is connected yet. Rejects with NaruError SPOOL_FAILED or SPOOL_DISK_FULL. */
export async function assembleScan(input: ScanAssemblyInput): Promise<ScanAssembly> {
  const { options, sourceNode, side, checked } = input;
  const rules = await loadRules(options);
  const spool = await Spool.open({
    dir: path.join(options.dir, fileName(`${sourceNode}--${side.node}`)),
    memoryBytes: options.spoolMemory,
    diskBytesMax: options.spoolMax,
    writeBehindBytes: Number.POSITIVE_INFINITY,
  });
  // What waits for the pump is a quarter: as much again may be with the target, and a large value needs room too.
  const records = new RecordWriter(spool, options.spoolMemory / 4);
  const acker = new Acker(
    {
      phase: 'snapshot',
      replid: NO_REPLID,
      streamOffset: (offset) => offset,
      spoolOffset: (offset) => offset,
    },
    side.node,
  );
  const finder = new KeyFinder(KeyTable.builtIn());
  let made: ScanAssembly | undefined;
  const target = side.make({
    acker,
    checked,
    keys: finder,
    listener: input.target,
    parts: () => made,
    holdEntry: (db, key) => {
      const place = named?.entryAtSource ?? { db, key };
      link.held.hold(place.db, place.key);
    },
  });
  const named = rules && renamedTarget(target, rules, finder, { side, inCluster: false });
  const bigKeyBytes = Math.max(options.bigKeySize, target.wholeEntryBytes ?? 0);
  const link = new ScanLink(
    {
      endpoint: input.endpoint,
      node: sourceNode,
      walks: input.walks,
      tls: options.fromTls ?? {},
      connectTimeoutMs: options.connectTimeout,
      giveUpAfterMs: options.giveUpAfter,
      records,
      bigKeyBytes,
      count: options.count,
      pace: input.pace,
      load: input.load,
      memory: input.memory,
      sift: input.sift,
      told: input.told,
      values: new TypedReader({
        records,
        memory: input.memory,
        version: rdbVersionOf(input.source),
        ...(target.wholeEntryBytes ? { partBytes: target.wholeEntryBytes } : {}),
      }),
    },
    input.link,
  );
  const given = named ?? target;
  const pump = new Pump({
    spool,
    target: given,
    ...(rules !== undefined && { rules: { rules, finder, copier: undefined } }),
    snapshot: new SnapshotApplier(given, {
      functions: options.functions === 'copy',
      onUnjoined: (db, key) => link.held.hold(db, key),
    }),
    stream: noStream(target),
    bigEntryBytes: bigKeyBytes,
    verifyChecksum: false,
    node: sourceNode,
    streamOffset: (offset) => offset,
    onTaken: () => records.taken(),
    settled: () => side.settled(),
    onSnapshotApplied: input.onAllGiven,
  });
  made = { spool, link, records, pump, target, acker, losses: checked.losses, recopier: undefined, rules };
  return made;
}

/** The RDB version that the source's own values are of, as far as it says what it is. */
function rdbVersionOf({ flavour, version }: NodeFacts): number {
  const { redis, valkey } = dialectOf(flavour, version).readable;
  return valkey ? VALKEY_VERSION_MAX : redis;
}

/** A scan has no stream behind its RDB. */
function noStream(target: ReturnType<TargetSide['make']>): StreamApplier {
  return new StreamApplier(target, {
    publish: false,
    functions: false,
    protectTarget: true,
    setTakesPxat: true,
    recopier: undefined,
    shared: undefined,
    checkpointKey: '',
    arrivalMs: () => 0,
    onGetAck: () => {},
  });
}
