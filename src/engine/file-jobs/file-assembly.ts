import path from 'node:path';
import { checkpointKey } from '../../checkpoint/checkpoint.ts';
import type { ResolvedRestoreOptions } from '../../config/file-options.ts';
import { loadRules } from '../../config/rules-of-options.ts';
import { KeyFinder } from '../../pipeline/keys/key-finder.ts';
import { KeyTable } from '../../pipeline/keys/key-table.ts';
import { Pump } from '../../pipeline/pump.ts';
import { SnapshotApplier } from '../../pipeline/snapshot-applier.ts';
import { StreamApplier } from '../../pipeline/stream-applier.ts';
import type { Rules } from '../../rules/rules.ts';
import { COMMAND_BYTES_MAX, FileLink, type FileLinkListener } from '../../source/file/file-link.ts';
import type { FileSource } from '../../source/file/file-source.ts';
import type { Pace } from '../../source/redis/scan/pace.ts';
import { Spool } from '../../spool/spool.ts';
import { Acker } from '../acker.ts';
import { fileName, renamedTarget, sharedBy, sharedByRules } from '../assembly.ts';
import type { CheckedTarget } from '../checked-target.ts';
import type { Parts } from '../parts.ts';
import type { TargetListener, TargetSide } from '../target-side.ts';

export interface FileAssemblyInput {
  options: ResolvedRestoreOptions;
  source: FileSource;
  /** names the run: in errors, at the target, on disk */
  job: string;
  /** the file, as it was given */
  name: string;
  side: TargetSide;
  checked: CheckedTarget;
  pace: Pace | undefined;
  link: Omit<FileLinkListener, 'onSnapshotEnd'>;
  target: TargetListener;
  /** aborted when the run is over */
  signal: AbortSignal;
  /** An entry can not be written now, since its slot is being moved. */
  onHeld(): void;
  onSnapshotApplied(): void;
}

/** The parts of a link that reads a file: what stands there goes link -> spool -> pump -> appliers -> target. */
export interface FileAssembly extends Parts {
  link: FileLink;
  /** undefined: all is restored as it is */
  rules: Rules | undefined;
}

/** There is no replication id; the checkpoint has a place for one. */
const NO_REPLID = '0'.repeat(40);
/** Names of files are shorter than 256 bytes. */
const NAME_MAX = 200;

/** Opens the spool and wires the rest; nothing is read yet. Rejects with NaruError SPOOL_FAILED or SPOOL_DISK_FULL. */
export async function assembleFile(input: FileAssemblyInput): Promise<FileAssembly> {
  const { options, source, job, side, checked } = input;
  const rules = await loadRules(options);
  const spool = await Spool.open({
    dir: path.join(options.dir, fileName(`${job}--${side.node}`).slice(-NAME_MAX)),
    memoryBytes: options.spoolMemory,
    diskBytesMax: options.spoolMax,
    // The file is there to be read again: only what memory can't hold goes to disk.
    writeBehindBytes: Number.POSITIVE_INFINITY,
  });
  const acker = new Acker(
    {
      get phase() {
        return pump.phase;
      },
      replid: NO_REPLID,
      streamOffset: (offset) => offset,
      spoolOffset: (offset) => offset,
    },
    side.node,
  );
  const finder = new KeyFinder(KeyTable.builtIn());
  let made: FileAssembly | undefined;
  const target = side.make({
    acker,
    checked,
    keys: finder,
    listener: input.target,
    parts: () => made,
    redoes: true,
    holdEntry: input.onHeld,
  });
  const severalNodes = target.takes !== undefined;
  const link = new FileLink(
    { source, spool, until: options.until, verifyChecksum: options.verifyChecksum, flat: severalNodes },
    { ...input.link, onSnapshotEnd: (end) => pump.snapshotEnds(end, end) },
  );
  const named = rules && renamedTarget(target, rules, finder, { side, inCluster: false });
  const given = named ?? target;
  const shared = sharedByRules(input, rules, named) ?? sharedBy(target);
  const copyFunctions = options.functions === 'copy';
  const pump: Pump = new Pump({
    spool,
    target: given,
    pace: input.pace,
    snapshot: new SnapshotApplier(given, { functions: copyFunctions }),
    stream: new StreamApplier(given, {
      publish: options.publish,
      functions: copyFunctions,
      protectTarget: false,
      setTakesPxat: checked.dialect.pxat,
      shared,
      checkpointKey: checkpointKey(job),
      arrivalMs: (offset) => link.writtenAtMs(offset),
      onGetAck: () => {},
    }),
    ...(rules !== undefined && { rules: { rules, finder, copier: undefined } }),
    shared,
    bigEntryBytes: Math.max(options.bigKeySize, target.wholeEntryBytes ?? 0),
    ...(severalNodes && { bigCommandBytes: COMMAND_BYTES_MAX }),
    routed: severalNodes || rules !== undefined,
    verifyChecksum: false,
    node: input.name,
    streamOffset: (offset) => link.placeOf(offset)?.offset ?? offset,
    onTaken: () => link.taken(),
    settled: () => side.settled(),
    onSnapshotApplied: input.onSnapshotApplied,
  });
  made = { spool, link, pump, target, acker, losses: checked.losses, recopier: undefined, rules };
  return made;
}
