import path from 'node:path';
import { checkpointKey } from '../checkpoint/checkpoint.ts';
import { loadRules } from '../config/rules-of-options.ts';
import type { ResolvedSyncOptions, TargetOptions } from '../config/sync-options.ts';
import { NaruError } from '../errors/errors.ts';
import { keySlot } from '../net/topology/slot.ts';
import type { Endpoint } from '../net/url.ts';
import { ExpiryWatch } from '../pipeline/expiry/expiry-watch.ts';
import { keysByServer } from '../pipeline/keys/by-server.ts';
import { KeyFinder } from '../pipeline/keys/key-finder.ts';
import type { KeyTable } from '../pipeline/keys/key-table.ts';
import { Pump } from '../pipeline/pump.ts';
import { NewerForms } from '../pipeline/recopy/newer-forms.ts';
import { Recopier } from '../pipeline/recopy/recopier.ts';
import { RenamedTarget } from '../pipeline/rules/renamed-target.ts';
import { valueAgain } from '../pipeline/rules/value-again.ts';
import type { SharedTarget } from '../pipeline/shared-target.ts';
import { SnapshotApplier } from '../pipeline/snapshot-applier.ts';
import { StreamApplier } from '../pipeline/stream-applier.ts';
import type { Rules } from '../rules/rules.ts';
import { ReplicationLink } from '../source/redis/link.ts';
import { PositionedReader } from '../source/redis/positioned-reader.ts';
import type { Pace } from '../source/redis/scan/pace.ts';
import type { LinkListener } from '../source/source.ts';
import { Spool } from '../spool/spool.ts';
import { commandsOf, type Dialect } from '../target/redis/dialect.ts';
import type { Target } from '../target/target.ts';
import { Acker } from './acker.ts';
import type { CheckedTarget } from './checked-target.ts';
import { type NodeFacts, VALKEY_READ } from './facts.ts';
import { HeldBack } from './held-back.ts';
import type { ClusterHost } from './link-host.ts';
import type { Parts } from './parts.ts';
import type { SourceAsker } from './source-asker.ts';
import { targetKeys } from './target-keys.ts';
import type { EngineTarget, TargetListener, TargetSide } from './target-side.ts';

export interface AssemblyInput {
  options: ResolvedSyncOptions;
  sourceNode: string;
  sourceFacts: NodeFacts;
  sourceCommands: KeyTable;
  side: TargetSide;
  checked: CheckedTarget;
  /** the target holds keys of its own that must outlive a FLUSHALL of the source */
  protectTarget: boolean;
  link: Omit<LinkListener, 'onSnapshotEnd'> & { onSnapshotEnd(end: number): void };
  target: TargetListener;
  /** The source can not be asked for values now; and it has answered again. */
  onUnanswered(error: NaruError): void;
  onAnswered(): void;
  /** where the stream is to be had; see LinkOptions */
  stream(): Promise<Endpoint>;
  /** of the source */
  asker: SourceAsker;
  /** undefined: no limit */
  pace: Pace | undefined;
  /** undefined: the source is no cluster */
  cluster: ClusterHost | undefined;
  /** aborted when the run is over */
  signal: AbortSignal;
  onSnapshotApplied(): void;
}

/** The parts of a link that replicates, wired: what arrives goes link -> spool -> pump -> appliers -> target, and what is acknowledged comes back. */
export interface Assembly extends Parts {
  link: ReplicationLink;
  heldBack: HeldBack;
  /** undefined: all is copied as it is */
  rules: Rules | undefined;
}

/** Opens the spool and wires the rest; nothing is connected yet. Rejects with NaruError SPOOL_FAILED or SPOOL_DISK_FULL. */
export async function assemble(input: AssemblyInput): Promise<Assembly> {
  const { options, sourceNode, side, checked } = input;
  const targetNode = side.node;
  const rules = await loadRules(options);
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
  let made: Assembly | undefined;
  const keys = new KeyFinder(input.sourceCommands);
  const target = side.make({
    acker,
    checked,
    keys,
    listener: input.target,
    parts: () => made,
    holdEntry: (db, key) => {
      const place = named?.entryAtSource ?? { db, key };
      recopier?.hold(place.db, place.key);
    },
  });
  const named = rules && renamedTarget(target, rules, keys, { side, inCluster: input.cluster !== undefined });
  const heldBack = new HeldBack({
    sourceEnd: async () => link.spoolOffset(await input.asker.offset()),
    received: () => spool.end,
    signal: input.signal,
  });
  const expiries = input.protectTarget ? undefined : makeExpiries(input, spool, heldBack);
  const shared =
    sharedByCluster(input, rules, named) ?? sharedByRules(input, rules, named) ?? sharedBy(target);
  const recopier = makeRecopier(input, link, target, keys, expiries, rules, named);
  const given: Target = named ?? target;
  const pump: Pump = new Pump({
    spool,
    target: given,
    pace: input.pace,
    snapshot: new SnapshotApplier(given, { functions: options.functions === 'copy', expiries }),
    stream: makeStreamApplier(input, given, spool, link, recopier, shared, rules),
    ...(rules !== undefined && {
      rules: {
        rules,
        finder: keys,
        copier: recopier,
      },
    }),
    recopier,
    bigEntryBytes: Math.max(options.bigKeySize, target.wholeEntryBytes ?? 0),
    routed: target.takes !== undefined || rules !== undefined,
    node: sourceNode,
    streamOffset: (offset) => link.streamOffset(offset),
    shared,
    settled: () => side.settled(),
    onSnapshotApplied: input.onSnapshotApplied,
  });
  made = { spool, link, pump, target, acker, losses: checked.losses, recopier, heldBack, rules };
  return made;
}

/** Undefined: keys have the source's names and databases. `inCluster`: a FLUSHALL of the source is about some of its keys. */
export function renamedTarget(
  target: EngineTarget,
  rules: Rules,
  keys: KeyFinder,
  { side, inCluster }: { side: TargetSide; inCluster: boolean },
): RenamedTarget | undefined {
  rules.oneDatabase = side.hasOneDatabase === true && !inCluster;
  if (!rules.moves) return undefined;
  const tracks = inCluster || rules.mergesDbs || !rules.invertible;
  return new RenamedTarget(target, rules, keys, checkpointKey(''), tracks);
}

function sharedByCluster(
  { cluster }: AssemblyInput,
  rules: Rules | undefined,
  named: RenamedTarget | undefined,
): SharedTarget | undefined {
  if (cluster === undefined) return undefined;
  const removeKeys = (): Promise<void> => cluster.removeKeys(named?.written);
  // Of slots whose keys can not be told from their names nothing can be compared.
  return rules?.invertible === false
    ? { removeKeys, endsTransactions: true }
    : { removeKeys, compareKeys: () => cluster.compareKeys() };
}

/** A source of which only some is copied must not have all of the target removed. */
export function sharedByRules(
  { options, signal }: { options: TargetOptions; signal: AbortSignal },
  rules: Rules | undefined,
  named: RenamedTarget | undefined,
): SharedTarget | undefined {
  if (rules === undefined) return undefined;
  const keys = targetKeys(options, signal, rules);
  return { removeKeys: (db) => keys.removeMigrated(db, named?.written), endsTransactions: true };
}

/** A target of several nodes is flushed apart, as one that several sources share is. */
export function sharedBy(target: EngineTarget): SharedTarget | undefined {
  const removeKeys = target.flush?.bind(target);
  return removeKeys && { removeKeys, endsTransactions: true };
}

function makeLink(
  { options, link, sourceFacts, sourceNode, stream }: AssemblyInput,
  spool: Spool,
  snapshotEnds: (end: number, streamStart: number) => void,
): ReplicationLink {
  return new ReplicationLink(
    {
      endpoint: stream,
      node: sourceNode,
      tls: options.fromTls ?? {},
      connectTimeoutMs: options.connectTimeout,
      psyncCommand: options.psyncCommand,
      // What the target can't read is transcoded: the source need not break off for its sake.
      announceVersion: sourceFacts.flavour === 'valkey' ? VALKEY_READ : undefined,
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

function makeStreamApplier(
  { options, sourceNode, protectTarget, checked }: AssemblyInput,
  target: Target,
  spool: Spool,
  link: ReplicationLink,
  recopier: Recopier | undefined,
  shared: SharedTarget | undefined,
  rules: Rules | undefined,
): StreamApplier {
  return new StreamApplier(target, {
    publish: options.publish,
    functions: options.functions === 'copy',
    protectTarget,
    setTakesPxat: checked.dialect.pxat,
    recopier,
    shared,
    checkpointKey: checkpointKey(sourceNode),
    again: rules && ((db, key, value) => valueAgain(rules, db, key, value)),
    arrivalMs: (offset) => spool.arrivalMs(offset),
    onGetAck: (offset) => link.ackWhen(link.streamOffset(offset)),
  });
}

function makeExpiries({ checked }: AssemblyInput, spool: Spool, heldBack: HeldBack): ExpiryWatch {
  return new ExpiryWatch({
    targetMs: () => Date.now() + checked.facts.aheadMs,
    arrivalMs: (offset) => spool.arrivalMs(offset),
    heldBackTo: () => heldBack.to,
  });
}

function makeRecopier(
  input: AssemblyInput,
  link: ReplicationLink,
  target: EngineTarget,
  keys: KeyFinder,
  expiries: ExpiryWatch | undefined,
  rules: Rules | undefined,
  named: RenamedTarget | undefined,
): Recopier | undefined {
  const { options, asker, sourceCommands, sourceFacts, checked, side, protectTarget, cluster } = input;
  if (protectTarget) return undefined;
  const reader = new PositionedReader({
    open: () => asker.open(),
    expireTime: sourceCommands.has('PEXPIRETIME'),
    replid: () => link.replid,
    giveUpAfterMs: options.giveUpAfter,
    signal: input.signal,
    onRetry: input.onUnanswered,
    onAnswered: input.onAnswered,
    isLost: () => cluster?.isLost() === true,
  });
  return new Recopier({
    keys,
    source: sourceCommands,
    target: checked.commands,
    newer: newerForms(sourceFacts, checked.dialect),
    takes: target.takes?.bind(target),
    copiesBig: rules !== undefined,
    named: named?.named.bind(named),
    mayWrite: ({ db, key }) => target.mayWrite?.(rules?.nameOf(db, key) ?? key) !== false,
    expiries,
    ...(cluster !== undefined && { groupOf: slotOf, onElsewhere: cluster.onElsewhere }),
    reader: {
      read: async (keys) => {
        const { values, offset } = await reader.read(keys);
        return { values, until: link.spoolOffset(offset) };
      },
      keysOf: async (args) => keysByServer(await asker.open(), args),
    },
    keyless: (command) => {
      const name = command.text(0).toUpperCase();
      const { offset } = command;
      if (name === 'FUNCTION') checked.losses.add('functions', { offset });
      else {
        const text = `The target does not know ${name} or refused it, and it has no keys that could be copied instead`;
        throw new NaruError('COMMAND_REFUSED', text, { side: 'target', node: side.node, offset });
      }
    },
  });
}

function slotOf(key: Buffer): number {
  return keySlot(key, 0, key.length);
}

function newerForms({ flavour, version }: NodeFacts, { commandsOf: target, readable }: Dialect): NewerForms {
  return new NewerForms(commandsOf(flavour, version), target, readable);
}

/** A name as that of a file or directory. */
export function fileName(text: string): string {
  return text.replace(/[^\w.-]+/g, '_');
}
