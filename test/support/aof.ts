import { RedisServer } from './redis-server.ts';
import { until } from './until.ts';

/** A server that writes an AOF into `appendonlydir` in its folder, each write at once. */
export function aofServer(config: Record<string, string> = {}): Promise<RedisServer> {
  return RedisServer.start({ config: { appendonly: 'yes', appendfsync: 'always', ...config } });
}

/** Writes of every form that an AOF knows: SELECT, transactions, many arguments, bytes that look like the format. */
export async function fillAof(server: RedisServer, generation: number): Promise<void> {
  const key = (name: string): string => `${name}:${generation}`;
  const many = Array.from({ length: 150 }, (_, i) => `element ${i}`);
  await server.pipeline([
    ['SET', key('text'), 'value'],
    ['SET', key('format'), Buffer.from('a\r\nb\0*3\r\n$3\r\nSET\r\n#TS:1\r\n\n')],
    ['SET', Buffer.from(`\xff\0\r\nkey:${generation}`, 'latin1'), ''],
    ['RPUSH', key('list'), ...many],
    ['SELECT', 3],
    ['SET', key('other'), 'in database 3', 'PX', 1e12],
    ['SELECT', 0],
    ['MULTI'],
    ['INCR', 'counter'],
    ['HSET', key('hash'), 'field', '#not an annotation'],
    ['EXEC'],
    ['XADD', key('stream'), '1-1', 'field', 'value'],
    ['DEL', key('text')],
  ]);
}

/** BGREWRITEAOF, and waits until it is done. */
export async function rewriteAof(server: RedisServer): Promise<void> {
  await server.call('BGREWRITEAOF');
  await until('the rewrite', async () => {
    const info = await server.info('persistence');
    return info.get('aof_rewrite_in_progress') === '0' && info.get('aof_rewrite_scheduled') === '0';
  });
}

/** Waits until the server's clock, by which it marks its AOF (aof-timestamp-enabled), is seconds further. Returns the second that has passed for sure. */
export async function nextSecond(server: RedisServer): Promise<number> {
  const seconds = async (): Promise<number> => Number(((await server.call('TIME')) as unknown[])[0]);
  const before = await seconds();
  await until('another second', async () => (await seconds()) > before + 1);
  return before;
}
