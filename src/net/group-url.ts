/**
 * Addresses that name several servers at once, and all those of url.ts:
 *
 *     redis[s]://[user[:password]@]host[:port]{,host[:port]}[/db]                             nodes of one cluster
 *     redis[s]+sentinel://[user[:password]@]host[:port]{,host[:port]}/master[/db]             sentinels, port 26379
 *
 * User and password are those of the servers. Sentinels have their own, which no address gives (see SentinelAccess). As in url.ts no
 * error repeats any part of the address.
 */
import {
  cut,
  decode,
  type Endpoint,
  type HostPort,
  invalid,
  parseDb,
  parseEndpoint,
  parseHostAndPort,
  parseQuery,
  parseUser,
} from './url.ts';

const SENTINEL_PORT = 26379;
const CLUSTER = /^(?:(?:redis|valkey)(s?):\/\/)?(.*)$/is;
const SENTINEL = /^(?:redis|valkey)(s?)(?:\+|-)sentinel:\/\/(.*)$/is;
const SENTINEL_FORM = 'write redis+sentinel://[user[:password]@]host[:port],host[:port]/master[/db]';

/** Throws NaruError CONFIG_INVALID, whose message never holds a part of the address. */
export function parseGroup(text: string): Endpoint {
  const trimmed = text.trim();
  const sentinel = SENTINEL.exec(trimmed);
  if (sentinel !== null) return parseSentinel(sentinel[2] as string, sentinel[1] !== '');
  const cluster = CLUSTER.exec(trimmed);
  if (cluster === null || !namesSeveral(cluster[2] as string)) return parseEndpoint(trimmed);
  return parseSeveral(cluster[2] as string, (cluster[1] ?? '') !== '');
}

/** A comma before the last `@` is the password's, one in a path that of a unix socket. */
function namesSeveral(rest: string): boolean {
  const places = rest.slice(rest.lastIndexOf('@') + 1);
  return /^[^/?]*,/.test(places) && !/^[a-z][a-z0-9+.-]*:\/\//i.test(rest);
}

function parseSeveral(rest: string, tls: boolean): Endpoint {
  const { user, places, path, query } = takeApart(rest);
  if (path !== undefined && query !== undefined) {
    throw invalid('The address names the database twice: write /n or ?db=n.');
  }
  const db = path === undefined ? parseQuery(query) : parseDb(path);
  return { ...parsePlaces(places), db, ...parseUser(user), tls };
}

function parseSentinel(rest: string, tls: boolean): Endpoint {
  const { user, places, path, query } = takeApart(rest);
  const [name, db] = cut(path ?? '', '/');
  const master = decode(name);
  if (master === '') throw invalid(`The address names no master: ${SENTINEL_FORM}.`);
  if (/[\s\0]/.test(master)) throw invalid('The name of the master in the address has a space in it.');
  if (db !== undefined && query !== undefined) {
    throw invalid('The address names the database twice: write /n or ?db=n.');
  }
  return {
    ...parsePlaces(places, SENTINEL_PORT),
    db: db === undefined ? parseQuery(query) : parseDb(db),
    ...parseUser(user),
    tls,
    sentinel: { master, tls },
  };
}

interface Parts {
  user: string;
  places: string;
  path: string | undefined;
  query: string | undefined;
}

function takeApart(rest: string): Parts {
  const at = rest.lastIndexOf('@');
  const [before, query] = cut(rest.slice(at + 1), '?');
  const [places, path] = cut(before, '/');
  return { user: at < 0 ? '' : rest.slice(0, at), places, path, query };
}

function parsePlaces(text: string, defaultPort?: number): HostPort & { seeds: HostPort[] } {
  const seeds = text.split(',').map((place) => parseHostAndPort(place.trim(), defaultPort));
  return { ...(seeds[0] as HostPort), seeds };
}
