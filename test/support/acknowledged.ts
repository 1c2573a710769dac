import type { Naru } from './naru.ts';
import type { RedisServer } from './redis-server.ts';
import { until } from './until.ts';

/**
 * Resolves when the run has acknowledged all that the source has written up to now. A lag of nothing does not say so: it is about what was received, and a run
 * that is stopped applies no more than that. The source has no replica but Naru.
 */
export async function acknowledged(naru: Naru, source: RedisServer): Promise<void> {
  const offset = Number((await source.info('replication')).get('master_repl_offset'));
  const isSo = async (): Promise<boolean> => {
    if (naru.exit !== undefined) throw new Error(`naru ended: ${naru.stdout.slice(-2000)}`);
    // For more replicas than there are: it has each of them say at once how far it is, which it would do once a second else.
    await source.call('WAIT', 100, 20);
    const info = [...(await source.info('replication'))];
    // A connection that was lost may be on the list for a while.
    return info.some(
      ([name, line]) => /^slave\d/.test(name) && Number(/offset=(\d+)/.exec(line)?.[1]) >= offset,
    );
  };
  await until('everything to be acknowledged', isSo).catch((error: Error) => {
    const told = naru.events.filter(({ event }) => event !== 'progress');
    throw new Error(`${error.message}: ${JSON.stringify(told.slice(-20))}`, { cause: error });
  });
}
