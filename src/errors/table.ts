/**
 * The table of error codes. Each maps to a policy (`retry`: a link that was up before is made anew, with backoff; `stop`: the run
 * ends), an exit code (1 failed, 2 bad usage or config) and one sentence that tells the operator what to do.
 * docs/reference/errors.md is checked against this table by a test.
 */
export interface ErrorPolicy {
  readonly policy: 'retry' | 'stop';
  readonly exit: 1 | 2;
  readonly advice: string;
}

const table = {
  USAGE: { policy: 'stop', exit: 2, advice: 'See `naru --help`.' },
  CONFIG_INVALID: { policy: 'stop', exit: 2, advice: 'Correct the option named in the message.' },
  UNREACHABLE: {
    policy: 'retry',
    exit: 1,
    advice: 'Check the address, the port, the firewall and that the server runs.',
  },
  LINK_LOST: { policy: 'retry', exit: 1, advice: 'Check the network and the log of the server.' },
  NOT_REDIS: {
    policy: 'stop',
    exit: 1,
    advice:
      'The port answers, but not as Redis does: check the port, and rediss:// where the server wants TLS.',
  },
  TLS_FAILED: {
    policy: 'stop',
    exit: 1,
    advice: 'Give the CA with --tls-ca; --tls-insecure skips verification and is not for production.',
  },
  AUTH_FAILED: { policy: 'stop', exit: 1, advice: 'Check user and password.' },
  NO_PERMISSION: {
    policy: 'stop',
    exit: 1,
    advice: 'Give the user the permission named in the message (ACL SETUSER).',
  },
  PSYNC_REFUSED: {
    policy: 'stop',
    exit: 1,
    advice:
      'This source does not offer replication. `naru scan` copies such a source, and with --live follows its changes; where the command is only renamed: --psync-command.',
  },
  SOURCE_REFUSED: {
    policy: 'stop',
    exit: 1,
    advice: 'The source refused what a scan needs: see its answer in the message.',
  },
  CHANGES_NOT_TOLD: {
    policy: 'stop',
    exit: 1,
    advice:
      'The source does not tell what changes in the way that was asked for: do what the message says, or take another way.',
  },
  SCAN_REFUSED: {
    policy: 'stop',
    exit: 1,
    advice: 'The source does not tell its keys: name them in a file, --keys-file.',
  },
  SWEEP_IMPOSSIBLE: {
    policy: 'stop',
    exit: 1,
    advice:
      'Keys that were removed at the source while nobody was told of it stay in the target: give the address of the servers behind the proxy, or remove them yourself.',
  },
  SOURCE_LOADING: { policy: 'retry', exit: 1, advice: 'Wait until the source has loaded its data.' },
  SOURCE_NO_MASTER: {
    policy: 'retry',
    exit: 1,
    advice: 'The source is a replica whose own link to its master is down: mend that, or name the master.',
  },
  NODE_UNREACHABLE: {
    policy: 'retry',
    exit: 1,
    advice:
      'Each master must be reached from here under the address that it announces: map that with --from-address-map or --to-address-map where it has another here.',
  },
  CLUSTER_UNCOVERED: {
    policy: 'retry',
    exit: 1,
    advice: 'Give each slot of the cluster to a node: redis-cli --cluster fix does so.',
  },
  CLUSTER_DISAGREES: {
    policy: 'retry',
    exit: 1,
    advice:
      'See with redis-cli --cluster check whether all addresses are of one cluster, and whether its nodes reach each other.',
  },
  CLUSTER_DOWN: {
    policy: 'retry',
    exit: 1,
    advice:
      'Bring the master or one of its replicas back, or let a replica take over: CLUSTER FAILOVER TAKEOVER.',
  },
  SENTINEL_UNKNOWN_MASTER: {
    policy: 'stop',
    exit: 2,
    advice:
      'Correct the name of the master in the address: SENTINEL MASTERS lists those that the sentinels know.',
  },
  SENTINEL_NO_MASTER: {
    policy: 'retry',
    exit: 1,
    advice:
      'Wait for the failover to end; if it does not, see the logs of the sentinels and SENTINEL CKQUORUM.',
  },
  FULL_RESYNC_NEEDED: {
    policy: 'stop',
    exit: 1,
    advice:
      'The source no longer has the changes since the last position: raise repl-backlog-size at the source, empty the target and start again (--on-conflict overwrite would keep keys that the source has deleted since).',
  },
  SNAPSHOT_BROKEN_OFF: {
    policy: 'stop',
    exit: 1,
    advice:
      'The source ended the full copy before it was whole: see the source log (client-output-buffer-limit replica, repl-timeout, disk), then empty the target and start again (--on-conflict overwrite would keep keys that the source has deleted since).',
  },
  SLOTS_MOVED: {
    policy: 'stop',
    exit: 1,
    advice:
      'Slots moved between the nodes of the source. Start again when it stands still; where keys of the target are kept (--on-conflict skip or fail), overwrite does without that.',
  },
  SAME_SERVER: {
    policy: 'stop',
    exit: 2,
    advice: 'Source and target are one server: check --from and --to.',
  },
  TARGET_IS_REPLICA: { policy: 'stop', exit: 1, advice: 'Name the master of the target.' },
  TARGET_NOT_EMPTY: {
    policy: 'stop',
    exit: 1,
    advice: 'Say what to do with keys that exist there: --on-conflict overwrite, skip or fail.',
  },
  ALREADY_RUNNING: {
    policy: 'stop',
    exit: 1,
    advice:
      'One run at a time may copy from one source to one target: end the other first. If it is gone and its host died with it, end its connection at the target (CLIENT LIST, CLIENT KILL).',
  },
  TARGET_UNAVAILABLE: {
    policy: 'retry',
    exit: 1,
    advice: 'The target is loading, failing over or read-only: Naru tries again.',
  },
  TARGET_OUT_OF_MEMORY: {
    policy: 'stop',
    exit: 1,
    advice: 'Raise maxmemory at the target, or take a larger one.',
  },
  TARGET_LOST_DATA: {
    policy: 'stop',
    exit: 1,
    advice:
      'The target came back without writes that it had acknowledged (restart without persistence, failover): empty it and start again (--on-conflict overwrite would keep keys that the source has deleted since).',
  },
  TARGET_REJECTED: {
    policy: 'stop',
    exit: 1,
    advice: 'The target refused a write: see its answer in the message.',
  },
  TARGET_MOVED: {
    policy: 'retry',
    exit: 1,
    advice: "The target's slots or roles have changed: Naru finds out anew and goes on.",
  },
  COMMAND_REFUSED: {
    policy: 'stop',
    exit: 1,
    advice:
      'The target refused a command of the stream: see its answer in the message, and what the key holds there. Keys that are kept (--on-conflict skip or fail) can not be copied again.',
  },
  TARGET_TOO_OLD: {
    policy: 'stop',
    exit: 1,
    advice:
      'The target is too old for what the message names: take a newer one, or leave such things out (--lossy).',
  },
  KEY_EXISTS: {
    policy: 'stop',
    exit: 1,
    advice:
      'The key exists in the target and --on-conflict is fail: use overwrite or skip, or remove the key.',
  },
  TRANSFORM_FAILED: {
    policy: 'stop',
    exit: 1,
    advice:
      'A function of --transform failed: see its message and the key. With --transform-errors skip such entries and commands are left out and counted.',
  },
  FLUSH_REFUSED: {
    policy: 'stop',
    exit: 1,
    advice:
      'The source removed all keys of a database while the target holds keys that are not from it, or that can not be told from those (--on-conflict skip or fail, rules): Naru does not remove those. Clear the migrated keys by hand and start again.',
  },
  BAD_FORMAT: {
    policy: 'stop',
    exit: 1,
    advice: 'The data is damaged or of a form that Naru does not know: please report it with the offset.',
  },
  CHECKSUM_MISMATCH: {
    policy: 'stop',
    exit: 1,
    advice:
      'The RDB was damaged on its way or at the source: start again; check the memory and disk of the source. A file that there is no other of: --no-verify-checksum.',
  },
  FILE_UNREADABLE: { policy: 'stop', exit: 1, advice: 'Check the path, the permissions and the disk.' },
  FILE_UNKNOWN: {
    policy: 'stop',
    exit: 2,
    advice: 'Name an RDB, an AOF, or a directory with one .manifest; unpack it before where Naru can not.',
  },
  FILE_TRUNCATED: {
    policy: 'stop',
    exit: 1,
    advice: 'The file is not whole: copy it again, or take another backup.',
  },
  FILE_EXISTS: { policy: 'stop', exit: 2, advice: 'Name another file, or say --overwrite.' },
  FILE_UNWRITABLE: {
    policy: 'stop',
    exit: 1,
    advice: 'Check the path, the permissions and the space on the disk.',
  },
  UNTIL_TOO_EARLY: {
    policy: 'stop',
    exit: 2,
    advice: 'Name a later time, or an older backup.',
  },
  SPOOL_FULL: {
    policy: 'stop',
    exit: 1,
    advice:
      'The target is slower than the source for too long: raise --spool-max, or make the target faster.',
  },
  SPOOL_DISK_FULL: {
    policy: 'stop',
    exit: 1,
    advice: 'No space left for the spool: free space, or name another place with --dir.',
  },
  SPOOL_FAILED: { policy: 'stop', exit: 1, advice: 'The spool directory can not be used: check --dir.' },
  GAVE_UP: { policy: 'stop', exit: 1, advice: 'The link did not come back within --give-up-after.' },
  STOPPED_EARLY: {
    policy: 'stop',
    exit: 1,
    advice: 'Stopped before the copy was complete: the target does not hold everything. Start again.',
  },
  INTERNAL: {
    policy: 'stop',
    exit: 1,
    advice: 'This is a fault in Naru: please report it with the message.',
  },
} as const;

export type ErrorCode = keyof typeof table;

export const ERROR_TABLE: Readonly<Record<ErrorCode, ErrorPolicy>> = table;
