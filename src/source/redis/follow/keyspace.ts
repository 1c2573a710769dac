import { NaruError } from '../../../errors/errors.ts';
import { type RespClient, ServerError } from '../../../net/client.ts';
import { watched } from './flush-watch.ts';
import { untilItAnswers } from './patience.ts';
import { PushKind, PushLink, type PushSink } from './push-link.ts';
import { notTold } from './refusal.ts';
import type { OpenClient, Session, Told } from './session.ts';

/** What changes keys without an event for them (db.c). */
const WITHOUT_EVENT = ['flushall', 'flushdb', 'swapdb'];
const PATTERN = '__keyspace@*__:*';
const SETTING = 'notify-keyspace-events';
/** The classes of events that `A` stands for (notify.c). Misses (`m`) and new keys (`n`) are no changes. */
const ALL = 'g$lshzxetd';
const AT_DB = '__keyspace@'.length;
const COLON = 0x3a;
const UNDERSCORE = 0x5f;

/**
 * Keyspace notifications: a message for each event, with its key and database in the channel's name.
 *
 *     [ "pmessage", pattern, "__keyspace@" db "__:" key, event ]
 */
export async function openKeyspace(open: OpenClient, told: Told): Promise<Session> {
  const client = await open();
  let hearer: RespClient | undefined;
  try {
    const doubts = await checkSetting(client);
    hearer = await open();
    const link = new PushLink(hearer.connection, events(told));
    await link.ask('PSUBSCRIBE', PATTERN);
    return await keyspaceSession(told, client, link, doubts);
  } catch (error) {
    client.connection.destroy();
    hearer?.connection.destroy();
    throw notTold(error, 'PSUBSCRIBE', client.connection);
  }
}

/** Doubts, in words. */
async function checkSetting(client: RespClient): Promise<string[]> {
  let reply: unknown;
  try {
    reply = await untilItAnswers(() => client.call('CONFIG', 'GET', SETTING));
  } catch (error) {
    if (!(error instanceof ServerError)) throw error;
  }
  const flags = Array.isArray(reply) && reply.length === 2 ? String(reply[1]) : undefined;
  if (flags === undefined) {
    return [
      `CONFIG is refused: it can not be seen whether the source notifies of all changes (${SETTING} KA)`,
    ];
  }
  if (coversAll(flags)) return [];
  const { side, node } = client.connection;
  const message = `The source does not notify of all changes (${SETTING} is "${flags}"): run CONFIG SET ${SETTING} ${addTo(flags)} there.`;
  throw new NaruError('CHANGES_NOT_TOLD', message, { side, node });
}

export function coversAll(flags: string): boolean {
  return flags.includes('K') && (flags.includes('A') || [...ALL].every((flag) => flags.includes(flag)));
}

/** What others listen for stays. */
function addTo(flags: string): string {
  const others = [...flags].filter((flag) => !`KA${ALL}`.includes(flag));
  return `KA${others.join('')}`;
}

function events(told: Told): PushSink {
  return (kind, _type, _depth, index, buf, start, end) => {
    if (kind !== PushKind.PMESSAGE || index !== 2) return;
    let pos = start + AT_DB;
    let db = 0;
    while (pos < end && buf[pos] !== UNDERSCORE) db = db * 10 + (buf[pos++] as number) - 0x30;
    if (buf[pos + 2] === COLON && pos + 3 <= end) told.onDirty(db, buf, pos + 3, end);
  };
}

async function keyspaceSession(
  told: Told,
  client: RespClient,
  link: PushLink,
  doubts: readonly string[],
): Promise<Session> {
  const connections = [client.connection, link.connection];
  const info = async (): Promise<string> => String(await client.call('INFO', 'commandstats'));
  const watch = await watched(WITHOUT_EVENT, info);
  const look = async (): Promise<void> => {
    const happened = watch?.compare(await untilItAnswers(info));
    if (happened !== undefined) told.onUnsure(happened);
    // Somebody may turn the events off.
    if (doubts.length === 0) await checkSetting(client);
  };
  return {
    doubts:
      watch === undefined
        ? [
            ...doubts,
            'INFO commandstats is refused: FLUSHALL, FLUSHDB and SWAPDB at the source are not noticed',
          ]
        : doubts,
    proven: doubts.length === 0,
    closed: Promise.race(connections.map((connection) => connection.closed)).then((error) => {
      for (const connection of connections) connection.destroy(error);
      return error;
    }),
    /** A server writes the message of an event before it runs the next command (`notifyKeyspaceEvent`), so an answer behind it is a mark. */
    async caughtUp() {
      const looked = look();
      looked.catch(() => {});
      await untilItAnswers(() => link.ask('PING'));
      await looked;
    },
    destroy(reason) {
      for (const connection of connections) connection.destroy(reason);
    },
  };
}
