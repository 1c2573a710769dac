/** The rows of the table that `scan` brought. */
export const scanOptions = {
  'keys-file': {
    kind: 'path',
    group: 'Copying',
    doc: 'file with the keys to copy, one a line; nothing is searched for then',
    commands: ['scan'],
  },
  resume: {
    kind: 'boolean',
    group: 'Copying',
    doc: 'go on where an earlier run was interrupted; its state is in --dir',
    commands: ['scan'],
    default: 'false',
  },
  live: {
    kind: 'boolean',
    group: 'Copying',
    doc: 'follow changes after the copy, by reading again what has changed, until stopped',
    commands: ['scan'],
    default: 'false',
  },
  'live-by': {
    kind: 'enum',
    group: 'Copying',
    doc: 'how a live scan learns of changes; unset: the best way that the source offers',
    commands: ['scan'],
    values: ['tracking', 'keyspace', 'monitor', 'passes'],
  },
  count: {
    kind: 'count',
    group: 'Limits',
    doc: 'how many keys one step of SCAN looks at (COUNT)',
    commands: ['scan'],
    default: '1000',
    min: '1',
  },
  'rate-keys': {
    kind: 'count',
    group: 'Limits',
    doc: 'most keys read in a second, from all of the source; 0: no limit',
    commands: ['sync', 'scan', 'restore', 'dump'],
    differs: {
      sync: { kind: 'count', doc: 'most keys and commands given to the target in a second; 0: no limit' },
      restore: { kind: 'count', doc: 'most keys and commands given to the target in a second; 0: no limit' },
    },
    default: '0',
  },
  'rate-bytes': {
    kind: 'size',
    group: 'Limits',
    doc: 'most bytes read in a second, from all of the source; 0: no limit',
    commands: ['sync', 'scan', 'restore', 'dump'],
    differs: {
      sync: { kind: 'size', doc: 'most bytes given to the target in a second; 0: no limit' },
      restore: { kind: 'size', doc: 'most bytes given to the target in a second; 0: no limit' },
    },
    default: '0',
  },
  'max-latency': {
    kind: 'duration',
    group: 'Limits',
    doc: 'how much later than usual the source may answer before it is asked for less; never: it is not looked at',
    commands: ['scan'],
    default: '20ms',
    min: '1ms',
    never: true,
  },
} as const;
