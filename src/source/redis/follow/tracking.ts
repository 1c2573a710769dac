import type { RespClient } from '../../../net/client.ts';
import type { Connection } from '../../../net/connection.ts';
import { ElementType } from '../../../protocol/resp/element-walker.ts';
import { watched } from './flush-watch.ts';
import { untilItAnswers } from './patience.ts';
import { PushKind, PushLink, type PushSink } from './push-link.ts';
import { notTold, refusalOf } from './refusal.ts';
import type { OpenClient, Session, Told } from './session.ts';

/** A flush is told by a null; that databases change places is told to nobody (`dbSwapDatabases` of db.c). */
const NOT_TOLD = ['swapdb'];
/** Where a server sends invalidations to a connection that speaks RESP2 (tracking.c). */
const CHANNEL = '__redis__:invalidate';

/**
 * CLIENT TRACKING in broadcasting mode: from Redis 6 on a server names every key that was changed, also by expiry and eviction.
 *
 *     RESP3: > "invalidate" ( [ key ... ] | null )                              on the same connection
 *     RESP2: [ "message", "__redis__:invalidate", ( [ key ... ] | null ) ]      on a second one, subscribed
 */
export async function openTracking(open: OpenClient, told: Told): Promise<Session> {
  const client = await open();
  try {
    await client.call('HELLO', 3);
  } catch (error) {
    client.connection.destroy();
    if (refusalOf(error) === undefined) throw error;
    return openRedirected(open, told);
  }
  return onOneConnection(client, told);
}

async function onOneConnection({ connection }: RespClient, told: Told): Promise<Session> {
  try {
    const link = new PushLink(connection, invalidations(told, 1));
    await link.ask('CLIENT', 'TRACKING', 'ON', 'BCAST');
    return await trackingSession(told, link, [connection], () => link.ask('INFO', 'commandstats'));
  } catch (error) {
    connection.destroy();
    throw notTold(error, 'CLIENT TRACKING', connection);
  }
}

/** Where the source has no RESP3. */
export async function openRedirected(open: OpenClient, told: Told): Promise<Session> {
  const client = await open();
  let hearer: RespClient | undefined;
  try {
    hearer = await open();
    const id = await hearer.call('CLIENT', 'ID');
    const link = new PushLink(hearer.connection, invalidations(told, 2));
    await link.ask('SUBSCRIBE', CHANNEL);
    await client.call('CLIENT', 'TRACKING', 'ON', 'REDIRECT', String(id), 'BCAST');
    const connections = [client.connection, hearer.connection];
    return await trackingSession(told, link, connections, async () =>
      String(await client.call('INFO', 'commandstats')),
    );
  } catch (error) {
    client.connection.destroy();
    hearer?.connection.destroy();
    throw notTold(error, 'HELLO and CLIENT TRACKING', client.connection);
  }
}

/** `at`: which element holds the keys. */
function invalidations(told: Told, at: number): PushSink {
  const wanted = at === 1 ? PushKind.INVALIDATE : PushKind.MESSAGE;
  return (kind, type, depth, index, buf, start, end) => {
    if (kind !== wanted) return;
    if (depth === 2) told.onDirty(undefined, buf, start, end);
    else if (index === at && type === ElementType.NULL) told.onUnsure('FLUSHALL or FLUSHDB at the source');
  };
}

async function trackingSession(
  told: Told,
  link: PushLink,
  connections: readonly Connection[],
  info: () => Promise<string>,
): Promise<Session> {
  const watch = await watched(NOT_TOLD, info);
  const look = async (): Promise<void> => {
    const happened = watch?.compare(await untilItAnswers(info));
    if (happened !== undefined) told.onUnsure(happened);
  };
  return {
    doubts:
      watch === undefined ? ['INFO commandstats is refused: a SWAPDB at the source is not noticed'] : [],
    proven: true,
    closed: Promise.race(connections.map((connection) => connection.closed)).then((error) => {
      for (const connection of connections) connection.destroy(error);
      return error;
    }),
    /**
     * A server collects the keys that change in one turn of its event loop and sends them at the turn's end, behind the answers of that turn
     * (`beforeSleep` of server.c). So one answer is not enough: a change may have been made just before it, in the same turn. The second question
     * is sent when the first answer is there, is answered in a later turn, and by then the keys of the first one's turn have been sent.
     */
    async caughtUp() {
      const looked = look();
      // It is waited for below; that it fails earlier must not end the process.
      looked.catch(() => {});
      await untilItAnswers(() => link.ask('PING'));
      await untilItAnswers(() => link.ask('PING'));
      await looked;
    },
    destroy(reason) {
      for (const connection of connections) connection.destroy(reason);
    },
  };
}
