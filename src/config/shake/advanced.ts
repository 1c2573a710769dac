import type { MappingBuilder } from './mapping.ts';

export type Advanced = Readonly<Record<string, unknown>>;

/** What is done with the keys of the table `[advanced]` of RedisShake 3 and 4. */
export function advancedOf(
  out: MappingBuilder,
  invalid: (why: string) => Error,
): Readonly<Record<string, (value: unknown, key: string) => void>> {
  const itself =
    (why: string) =>
    (_: unknown, key: string): void =>
      out.notNeeded(key, why);
  const told = itself('what is told goes to stdout and stderr');
  const inParts = itself('large keys go in parts');
  const status = (value: unknown, key: string): void => {
    if (Number(value) > 0) out.unsupported(key, 'see --json for what a run tells');
  };
  return {
    dir: (value, key) => {
      if (out.command === 'restore') out.notNeeded(key, 'nothing is kept on disk');
      else out.set(key, 'dir', String(value));
    },
    ncpu: itself('one thread is enough'),
    pprof_port: (value, key) => {
      if (Number(value) > 0) out.unsupported(key, 'there is no profile to be asked for');
    },
    status_port: status,
    metrics_port: status,
    log_file: told,
    log_level: told,
    log_interval: (value, key) => out.set(key, 'progress-interval', `${String(value)}s`),
    log_rotation: told,
    log_max_size: told,
    log_max_age: told,
    log_max_backups: told,
    log_compress: told,
    rdb_restore_command_behavior: (value, key) => {
      const policy = { panic: 'fail', rewrite: 'overwrite', skip: 'skip', ignore: 'skip' }[String(value)];
      if (policy === undefined) throw invalid(`${key} is panic, rewrite or skip`);
      out.set(key, 'on-conflict', policy);
    },
    pipeline_count_limit: itself('what is under way is bounded in bytes: in-flight'),
    target_redis_client_max_querybuf_len: inParts,
    target_redis_proto_max_bulk_len: inParts,
    aws_psync: (value, key) => {
      const commands = String(value).split(',').filter(Boolean);
      if (commands.length === 1)
        out.set(key, 'psync-command', (commands[0] as string).split('@').at(-1) as string);
      else if (commands.length > 1) out.unsupported(key, 'another command for each node: run one for each');
    },
    empty_db_before_sync: (value, key) => {
      if (value === true) out.unsupported(key, 'nothing is removed from the target: empty it before');
    },
  };
}
