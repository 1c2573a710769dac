/**
 * The one table of options. Types, defaults, flags, variables, keys of naru.toml, `--help` and docs/reference/options.md all come
 * from it. Each source of values overrides the one before it: default, naru.toml, environment, flag.
 */
import { ruleOptions } from './rule-options.ts';
import { scanOptions } from './scan-rows.ts';
import { perSide } from './side-options.ts';

export type Kind =
  | 'endpoint'
  | 'addresses'
  | 'secret'
  | 'path'
  | 'paths'
  | 'size'
  | 'duration'
  | 'count'
  | 'enum'
  | 'boolean'
  | 'time'
  | 'text'
  | 'list'
  | 'rules';

export type CommandName = 'sync' | 'scan' | 'restore' | 'dump' | 'decode';

/** In the order in which they are shown. */
const GROUPS = ['Endpoints', 'TLS', 'Copying', 'Choosing', 'Limits', 'Timing', 'Output and files'] as const;

export type OptionGroup = (typeof GROUPS)[number];

export interface OptionSpec {
  readonly kind: Kind;
  readonly group: OptionGroup;
  /** One line for `--help` and the reference. `{side}` stands for source or target. */
  readonly doc: string;
  readonly commands: readonly CommandName[];
  /** Where a command takes something else under this name. */
  readonly differs?: Readonly<Partial<Record<CommandName, Pick<OptionSpec, 'kind' | 'doc' | 'values'>>>>;
  /** As a user would write it. An option without a default is unset until somebody sets it. */
  readonly default?: string;
  /** The words that an `enum` allows. */
  readonly values?: readonly string[];
  /** The smallest `size`, `duration` or `count`, as a user would write it; 0 if absent. */
  readonly min?: string;
  /** A `duration` that may be `never`. */
  readonly never?: true;
  /** False: not on the command line, where others would see it. */
  readonly flag?: false;
  /** False: not in naru.toml. */
  readonly toml?: false;
  /** False: for the command line only, no option of the library. */
  readonly library?: false;
}

const common = {
  from: {
    kind: 'endpoint',
    group: 'Endpoints',
    doc: 'where data comes from: redis[s]://[user[:password]@]host[:port][,host...][/db] or redis+sentinel://.../master (required)',
    commands: ['sync', 'scan', 'restore', 'dump'],
    differs: {
      restore: {
        kind: 'paths',
        doc: 'RDB or AOF file, directory with a multi-part AOF or with RDB files, or - for standard input; several one by one (required)',
      },
    },
  },
  to: {
    kind: 'endpoint',
    group: 'Endpoints',
    doc: 'where data goes: redis[s]://[user[:password]@]host[:port][,host...][/db] or redis+sentinel://.../master (required)',
    commands: ['sync', 'scan', 'restore', 'dump'],
    differs: {
      dump: {
        kind: 'path',
        doc: 'file to write, compressed where its name ends in .gz or .zst; directory that ends in /, for a file of each master; - for standard output (required)',
      },
    },
  },
  'from-topology': {
    kind: 'enum',
    group: 'Endpoints',
    doc: 'what the source is, where asking it does not show that',
    commands: ['sync', 'scan', 'dump'],
    values: ['standalone', 'sentinel', 'cluster', 'proxy', 'aliyun-proxy', 'tencent-proxy'],
  },
  'to-topology': {
    kind: 'enum',
    group: 'Endpoints',
    doc: 'what the target is, where asking it does not show that',
    commands: ['sync', 'scan', 'restore'],
    values: ['standalone', 'sentinel', 'cluster', 'proxy'],
  },
  'prefer-replica': {
    kind: 'boolean',
    group: 'Endpoints',
    doc: 'read from a replica of each master whose link is up and that is hardly behind, where there is one',
    commands: ['sync', 'dump'],
    default: 'false',
  },
  'tls-ca': {
    kind: 'path',
    group: 'TLS',
    doc: 'PEM file of the CA that signed the certificates of both sides',
    commands: ['sync', 'scan', 'restore', 'dump'],
  },
  'tls-cert': {
    kind: 'path',
    group: 'TLS',
    doc: 'PEM file of the certificate that is shown to both sides; needs --tls-key',
    commands: ['sync', 'scan', 'restore', 'dump'],
  },
  'tls-key': {
    kind: 'path',
    group: 'TLS',
    doc: 'PEM file of the key to --tls-cert',
    commands: ['sync', 'scan', 'restore', 'dump'],
  },
  'tls-insecure': {
    kind: 'boolean',
    group: 'TLS',
    doc: 'do not verify certificates; anybody on the way can read and change the data',
    commands: ['sync', 'scan', 'restore', 'dump'],
    default: 'false',
  },
  'on-conflict': {
    kind: 'enum',
    group: 'Copying',
    doc: 'what to do with keys that exist in the target; unset: a target that is not empty is refused',
    commands: ['sync', 'scan', 'restore'],
    values: ['overwrite', 'skip', 'fail'],
  },
  'until-synced': {
    kind: 'boolean',
    group: 'Copying',
    doc: 'end once the target holds everything, instead of following changes until stopped',
    commands: ['sync', 'scan'],
    default: 'false',
  },
  functions: {
    kind: 'enum',
    group: 'Copying',
    doc: 'function libraries of the source',
    commands: ['sync', 'scan', 'restore'],
    values: ['copy', 'skip'],
    default: 'copy',
  },
  publish: {
    kind: 'boolean',
    group: 'Copying',
    doc: 'forward PUBLISH and SPUBLISH too',
    commands: ['sync', 'restore'],
    default: 'false',
  },
  lossy: {
    kind: 'boolean',
    group: 'Copying',
    doc: 'leave out what the target can not hold (expiries of fields, functions, values of modules ...), and count it',
    commands: ['sync', 'scan', 'restore'],
    default: 'false',
  },
  'psync-command': {
    kind: 'text',
    group: 'Copying',
    doc: 'name of the PSYNC command at the source, where it is renamed',
    commands: ['sync', 'dump'],
    default: 'PSYNC',
  },
  until: {
    kind: 'time',
    group: 'Copying',
    doc: 'the state of an AOF with timestamps (aof-timestamp-enabled) at this time',
    commands: ['restore', 'decode'],
  },
  overwrite: {
    kind: 'boolean',
    group: 'Output and files',
    doc: 'replace the file where it exists',
    commands: ['dump'],
    default: 'false',
  },
  format: {
    kind: 'enum',
    group: 'Output and files',
    doc: 'one JSON object an entry, RESP commands that make the data anew, or counts',
    commands: ['decode'],
    values: ['jsonl', 'commands', 'summary'],
    default: 'jsonl',
  },
  'verify-checksum': {
    kind: 'boolean',
    group: 'Output and files',
    doc: 'compare the checksum at the end of an RDB',
    commands: ['restore', 'decode'],
    default: 'true',
  },
  'spool-memory': {
    kind: 'size',
    group: 'Limits',
    doc: 'memory for what was received and is not yet applied',
    commands: ['sync', 'scan', 'restore'],
    default: '16 MiB',
    min: '64 KiB',
  },
  'spool-max': {
    kind: 'size',
    group: 'Limits',
    doc: 'most disk space for what was received and is not yet applied',
    commands: ['sync', 'restore'],
    default: '64 GiB',
    min: '64 KiB',
  },
  'in-flight': {
    kind: 'size',
    group: 'Limits',
    doc: 'most bytes sent to the target and not yet acknowledged',
    commands: ['sync', 'scan', 'restore'],
    default: '4 MiB',
    min: '1 KiB',
  },
  'big-key-size': {
    kind: 'size',
    group: 'Limits',
    doc: 'a larger key is copied in parts, never held whole',
    commands: ['sync', 'scan', 'restore'],
    default: '16 MiB',
    min: '1 KiB',
  },
  'parallel-snapshots': {
    kind: 'count',
    group: 'Limits',
    doc: 'how many masters of a cluster may make and send their full copy at once',
    commands: ['sync', 'dump'],
    default: '2',
    min: '1',
  },
  'connect-timeout': {
    kind: 'duration',
    group: 'Timing',
    doc: 'how long one attempt to connect may take',
    commands: ['sync', 'scan', 'restore', 'dump'],
    default: '5s',
    min: '1ms',
  },
  'give-up-after': {
    kind: 'duration',
    group: 'Timing',
    doc: 'how long a lost link is tried again before the run fails',
    commands: ['sync', 'scan', 'restore'],
    default: 'never',
    never: true,
  },
  'drain-timeout': {
    kind: 'duration',
    group: 'Timing',
    doc: 'how long a stopped run may go on applying what it has received',
    commands: ['sync'],
    default: '10s',
  },
  dir: {
    kind: 'path',
    group: 'Output and files',
    doc: 'directory of the spool on disk',
    commands: ['sync', 'scan', 'restore'],
    default: './naru-data',
  },
  'progress-interval': {
    kind: 'duration',
    group: 'Output and files',
    doc: 'time between two progress events',
    commands: ['sync', 'scan', 'restore', 'dump'],
    default: '1s',
    min: '1ms',
  },
  json: {
    kind: 'boolean',
    group: 'Output and files',
    doc: 'write one JSON object a line to stdout, for machines',
    commands: ['sync', 'scan', 'restore', 'dump', 'decode'],
    differs: { decode: { kind: 'boolean', doc: 'write the summary as one JSON object' } },
    default: 'false',
    library: false,
  },
  config: {
    kind: 'path',
    group: 'Output and files',
    doc: 'file with options; without it ./naru.toml is read where it exists',
    commands: ['sync', 'scan', 'restore', 'dump', 'decode'],
    toml: false,
    library: false,
  },
} as const;

type Common = typeof common & typeof scanOptions & typeof ruleOptions;
type PerSide = typeof perSide;

export type Side = 'from' | 'to';
export type CommonName = keyof Common;
export type SideOptionName = keyof PerSide;
export type OptionName = CommonName | `${Side}-${SideOptionName}`;

/** The table's row for a name, as a type. */
export type SpecOf<Name extends OptionName> = Name extends CommonName
  ? Common[Name]
  : Name extends `${Side}-${infer Part extends SideOptionName}`
    ? PerSide[Part]
    : never;

export const OPTIONS: Readonly<Record<OptionName, OptionSpec>> = {
  ...common,
  ...scanOptions,
  ...ruleOptions,
  ...forSide('from', 'source'),
  ...forSide('to', 'target'),
};

export const COMMAND_NAMES: readonly CommandName[] = ['sync', 'scan', 'restore', 'dump', 'decode'];

/** An option as a command has it; undefined: it has none of this name. */
export function optionOf(command: CommandName, name: OptionName): OptionSpec | undefined {
  const spec: OptionSpec = OPTIONS[name];
  if (!spec.commands.includes(command)) return undefined;
  const side = SIDE.exec(name)?.[1] as Side | undefined;
  // Where a side is a file, there is nobody to log in to.
  if (side !== undefined && /^paths?$/.test(OPTIONS[side].differs?.[command]?.kind ?? '')) return undefined;
  return { ...spec, ...spec.differs?.[command] };
}

const SIDE = /^(from|to)-/;

export const OPTION_NAMES: readonly OptionName[] = (Object.keys(OPTIONS) as OptionName[]).sort(
  (a, b) => GROUPS.indexOf(OPTIONS[a].group) - GROUPS.indexOf(OPTIONS[b].group),
);

function forSide<S extends Side>(side: S, word: string): Record<`${S}-${SideOptionName}`, OptionSpec> {
  const rows = Object.entries(perSide).map(([name, spec]) => [
    `${side}-${name}`,
    { ...spec, doc: spec.doc.replace('{side}', word) },
  ]);
  return Object.fromEntries(rows);
}
