import { NaruError } from '../../errors/errors.ts';
import { encodeCommand, openClient, type RespClient, ServerError } from '../../net/client.ts';
import type { Connection, OpenOptions } from '../../net/connection.ts';
import { abortedError } from '../../net/dial-errors.ts';
import { describeEndpoint, type Endpoint } from '../../net/url.ts';
import { Preamble, type PreambleResult } from './preamble.ts';
import { refusedBySource } from './refused.ts';

/**
 * A source pings each 10 s by default, and sends newlines each second while it prepares a snapshot (replication.c, replicationCron); without
 * a word for so long (repl-timeout's default) the connection is dead.
 */
export const SILENCE_MS = 60_000;

export interface Psync {
  connection: Connection;
  result: PreambleResult;
  /** Bytes that came behind the answer. To be called right before the connection gets its next reader; it is paused until then. */
  takeRest(): Buffer;
}

/**
 * Connects as a replica does and asks for the stream: from `from` on, or with a snapshot (`from` undefined). Rejects with NaruError; an
 * offer of a full copy where a partial one was asked for is FULL_RESYNC_NEEDED, and the connection is dropped before the source
 * has done much for it.
 */
export async function psync(
  endpoint: Endpoint,
  options: OpenOptions & { psyncCommand: string; announceVersion?: string | undefined },
  from: { replid: string; offset: number } | undefined,
  onFull: (replid: string, offset: number) => void,
): Promise<Psync> {
  const client = await openClient(endpoint, options);
  const node = describeEndpoint(endpoint);
  const { signal } = options;
  const onAbort = (): void => client.connection.destroy(abortedError(signal?.reason, client.connection));
  signal?.addEventListener('abort', onAbort, { once: true });
  const silence = setTimeout(() => client.connection.destroy(silent(client.connection)), SILENCE_MS);
  try {
    if (signal?.aborted) throw abortedError(signal.reason, client.connection);
    await announce(client, node, options.psyncCommand);
    if (options.announceVersion !== undefined) await announceVersion(client, options.announceVersion);
    const preamble = new Preamble((replid, offset) => {
      if (from !== undefined) throw fullResync(node, from.offset, offset);
      onFull(replid, offset);
    });
    const args = from === undefined ? ['?', '-1'] : [from.replid, from.offset + 1];
    // Nothing else may be pending: a source refuses PSYNC behind another command's reply.
    const command = encodeCommand([options.psyncCommand, ...args]);
    const answer = await ask(client.connection, preamble, command, () => silence.refresh());
    if (answer.result.kind === 'sync') throw noPosition(node, options.psyncCommand);
    if (answer.result.kind === 'refused') throw refused(answer.result, node, options.psyncCommand);
    return answer;
  } catch (error) {
    client.connection.destroy();
    throw error;
  } finally {
    clearTimeout(silence);
    signal?.removeEventListener('abort', onAbort);
  }
}

/** What we can do. A source that does not know the question (a proxy, an old version) will say more when it is asked for PSYNC. */
async function announce(client: RespClient, node: string, psyncCommand: string): Promise<void> {
  try {
    await client.call('REPLCONF', 'capa', 'eof', 'capa', 'psync2');
  } catch (error) {
    if (!(error instanceof ServerError)) throw error;
    if (error.code === 'NOPERM') throw refusedBySource(error.text, node, psyncCommand);
  }
}

/**
 * Valkey 9 writes the RDB that a replica of this version reads (replication.c, replconfCommand). Without a word it writes RDB 11, and breaks
 * off at a hash whose fields expire. Others do not know the question.
 */
async function announceVersion(client: RespClient, version: string): Promise<void> {
  try {
    await client.call('REPLCONF', 'version', version);
  } catch (error) {
    if (!(error instanceof ServerError)) throw error;
  }
}

function ask(
  connection: Connection,
  preamble: Preamble,
  command: Buffer,
  onWord: () => void,
): Promise<Psync> {
  return new Promise((resolve, reject) => {
    const space = Buffer.allocUnsafe(64 * 1024);
    const rest: Buffer[] = [];
    void connection.closed.then(reject);
    connection.setReader({
      space: () => space,
      received: (n) => {
        onWord();
        const known = preamble.result;
        const pos = known === undefined ? preamble.write(space, 0, n) : 0;
        if (pos < n) rest.push(Buffer.from(space.subarray(pos, n)));
        if (known !== undefined || preamble.result === undefined) return;
        connection.pause();
        resolve({ connection, result: preamble.result, takeRest: () => Buffer.concat(rest) });
      },
    });
    connection.write(command);
  });
}

/** Once it has agreed to a full copy, a source refuses only because it fails to make one (no fork, no disk). */
function refused(
  { text, agreed }: { text: string; agreed: boolean },
  node: string,
  psyncCommand: string,
): NaruError {
  if (!agreed) return refusedBySource(text, node, psyncCommand);
  return new NaruError('SNAPSHOT_BROKEN_OFF', `The source could not make the full copy: ${text}`, {
    side: 'source',
    node,
  });
}

function silent({ side, node }: Connection): NaruError {
  return new NaruError('LINK_LOST', `No answer to PSYNC within ${SILENCE_MS / 1000} s`, { side, node });
}

/**
 * Redis knows PSYNC by its own name only (replication.c, syncCommand): under any other it answers as to SYNC, sends a snapshot without its
 * position, and can never go on after a lost connection. Services that rename it have changed that.
 */
function noPosition(node: string, psyncCommand: string): NaruError {
  const text = `The source takes ${psyncCommand} for the old SYNC: it sends a snapshot, but not its position, so that a lost link could not go on`;
  return new NaruError('PSYNC_REFUSED', text, { side: 'source', node });
}

function fullResync(node: string, offset: number, offered: number): NaruError {
  return new NaruError(
    'FULL_RESYNC_NEEDED',
    `The source can not go on from offset ${offset}; it offers a full copy as of offset ${offered}`,
    { side: 'source', node, offset },
  );
}
