/** Everything that servers hold, by key: for comparing a cluster with one server, or with a model. */
import type { RedisServer } from './redis-server.ts';
import type { Reply } from './reply-parser.ts';

const SCAN_COUNT = 1000;

/** Key (latin1) -> type, expiry and digest of the value, of all databases; a key that two servers hold is told twice. */
export async function stateOf(servers: readonly RedisServer[]): Promise<Map<string, string>> {
  const state = new Map<string, string>();
  for (const server of servers) {
    const client = await server.connect();
    try {
      for (let cursor = '0'; ; ) {
        const [next, keys] = (await client.call('SCAN', cursor, 'COUNT', SCAN_COUNT)) as [Buffer, Buffer[]];
        const own = keys.filter((key) => !key.toString().startsWith('naru:checkpoint:'));
        const replies = await client.pipeline(
          own.flatMap((key) => [
            ['TYPE', key],
            ['PEXPIRETIME', key],
            ['DEBUG', 'DIGEST-VALUE', key],
          ]),
        );
        for (const [i, key] of own.entries()) {
          const text = replies
            .slice(3 * i, 3 * i + 3)
            .map(String)
            .join(' ');
          // SCAN may give a key twice; a second server may not.
          const name = key.toString('latin1');
          const known = state.get(name);
          state.set(name, known === undefined || known === text ? text : `${known} and ${text}`);
        }
        cursor = next.toString();
        if (cursor === '0') break;
      }
    } finally {
      client.close();
    }
  }
  return state;
}

/** One line for each key that differs, at most twenty. Expiry times may lie so many milliseconds apart. */
export function differences(
  source: Map<string, string>,
  target: Map<string, string>,
  toleranceMs = 0,
): string[] {
  const lines: string[] = [];
  for (const [key, value] of source) {
    const there = target.get(key) ?? 'nothing';
    if (there !== value && !areNear(value, there, toleranceMs))
      lines.push(`${key}: ${value} in the source, ${there} in the target`);
  }
  for (const key of target.keys()) if (!source.has(key)) lines.push(`${key}: only in the target`);
  return lines.slice(0, 20);
}

/** The same but for the expiry time, the second of the words. */
function areNear(a: string, b: string, toleranceMs: number): boolean {
  const [of, to] = [a.split(' '), b.split(' ')];
  const [x, y] = [Number(of[1]), Number(to[1])];
  if (of[0] !== to[0] || of[2] !== to[2] || x < 0 !== y < 0) return false;
  return Math.abs(x - y) <= toleranceMs;
}

export async function functionsOf(server: RedisServer): Promise<string> {
  const reply: Reply = await server.call('FUNCTION', 'LIST', 'WITHCODE');
  return Array.isArray(reply)
    ? reply
        .map((library) => JSON.stringify(library))
        .sort()
        .join('\n')
    : '';
}
