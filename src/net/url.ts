/**
 * Addresses of servers. Node's URL class is not used: it breaks passwords that hold `/`, `#` or `@` as people write them.
 *
 *     redis[s]://[user[:password]@]host[:port][/db]     valkey[s]:// is the same
 *     unix://[user[:password]@]/path[?db=n]             redis+unix:// is the same
 *     host[:port]   [ipv6][:port]   /path
 *
 * What stands before the last `@` is user and password, up to the first `:` the user. So a raw `@`, `:`, `/`, `#`, `?` or `$` in the
 * password is unambiguous, and a `%` is itself unless two hex digits follow. No error repeats any part of the address, since a part
 * that was mistyped may be the password.
 */
import { isIPv6 } from 'node:net';
import { NaruError } from '../errors/errors.ts';
import { Secret } from './secret.ts';

export interface HostPort {
  host: string;
  /** 1 to 65535 */
  port: number;
}

/** What is needed to ask a group of sentinels for the master. */
export interface SentinelAccess {
  /** The name by which the sentinels know the master. */
  master: string;
  /** Whether the sentinels speak TLS; the servers' own is `Endpoint.tls`. */
  tls: boolean;
  /** The sentinels' own user and password; those of `Endpoint` are the servers'. */
  username?: string;
  password?: Secret;
}

export interface Endpoint {
  /** A name or an address; IPv6 without brackets. Absent where `path` is given. */
  host?: string;
  port?: number;
  /** The path of a unix socket. */
  path?: string;
  db: number;
  username?: string;
  password?: Secret;
  tls: boolean;
  /** Where several addresses were given, all of them, with `host` and `port` as the first: nodes of one cluster, or sentinels. */
  seeds?: readonly HostPort[];
  /** The addresses are those of sentinels. */
  sentinel?: SentinelAccess;
}

const DEFAULT_PORT = 6379;
const FORMS =
  'write redis://[user[:password]@]host[:port][/db], rediss:// for TLS, unix:///path.sock[?db=n], or host:port';

type Form = 'tcp' | 'tls' | 'unix';
const SCHEMES: Readonly<Record<string, Form>> = {
  redis: 'tcp',
  rediss: 'tls',
  valkey: 'tcp',
  valkeys: 'tls',
  unix: 'unix',
  'redis+unix': 'unix',
};

/** Hints for schemes that other tools use; each ends a sentence that begins with the scheme's name. */
const HINTS: Readonly<Record<string, string>> = {
  'redis-socket': 'write unix:///path.sock',
  'redis+socket': 'write unix:///path.sock',
  'redis-sentinel': 'write the address of the master that the sentinels name',
  'redis+sentinel': 'write the address of the master that the sentinels name',
  'rediss+sentinel': 'write the address of the master that the sentinels name',
  sentinel: 'write the address of the master that the sentinels name',
  'redis+cluster': 'write the address of one node, redis://host:port',
  'redis-cluster': 'write the address of one node, redis://host:port',
  'redis+tls': 'write rediss://host:port',
  'redis+ssl': 'write rediss://host:port',
  http: 'Naru wants the port of Redis itself',
  https: 'Naru wants the port of Redis itself',
};

/** Throws NaruError CONFIG_INVALID, whose message never holds a part of the address. */
export function parseEndpoint(text: string): Endpoint {
  const trimmed = text.trim();
  if (trimmed === '') throw invalid(`The address is empty: ${FORMS}.`);
  const match = /^([a-z][a-z0-9+.-]*):\/\/(.*)$/is.exec(trimmed);
  if (match === null) return trimmed.startsWith('/') ? parseUnix(trimmed) : parseTcp(trimmed, false);
  const scheme = (match[1] as string).toLowerCase();
  const rest = match[2] as string;
  const form = Object.hasOwn(SCHEMES, scheme) ? SCHEMES[scheme] : undefined;
  if (form === undefined) throw unknownScheme(scheme);
  return form === 'unix' ? parseUnix(rest) : parseTcp(rest, form === 'tls');
}

/** `host:port`, `[::1]:6379`, `/run/redis.sock`, `h1:7000,h2:7000` or `mymaster of h1:26379,h2:26379`: never user or password. */
export function describeEndpoint(endpoint: Endpoint): string {
  if (endpoint.path !== undefined) return endpoint.path;
  const { host = '', port = DEFAULT_PORT, seeds = [{ host, port }], sentinel } = endpoint;
  const places = seeds.map(describeHostPort).join(',');
  return sentinel === undefined ? places : `${sentinel.master} of ${places}`;
}

/** `host:port`, with brackets around IPv6. */
export function describeHostPort({ host, port }: HostPort): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

function parseTcp(rest: string, tls: boolean): Endpoint {
  const at = rest.lastIndexOf('@');
  const [place, query] = cut(rest.slice(at + 1), '?');
  const [hostAndPort, db] = cut(place, '/');
  if (db !== undefined && query !== undefined) {
    throw invalid('The address names the database twice: write /n or ?db=n.');
  }
  return {
    ...parseHostAndPort(hostAndPort),
    db: db === undefined ? parseQuery(query) : parseDb(db),
    ...parseUser(at < 0 ? '' : rest.slice(0, at)),
    tls,
  };
}

/** A path may hold `@` (`redis@6379.sock`), so only one that stands right before the path's `/` ends the password. */
function parseUnix(rest: string): Endpoint {
  const at = rest.startsWith('/') ? -1 : rest.lastIndexOf('@/');
  const [rawPath, query] = cut(rest.slice(at + 1), '?');
  const path = decode(rawPath);
  if (!path.startsWith('/') || path.length < 2 || path.includes('\0')) {
    throw invalid('The address of a unix socket must hold an absolute path: write unix:///path.sock.');
  }
  return { path, db: parseQuery(query), ...parseUser(at < 0 ? '' : rest.slice(0, at)), tls: false };
}

export function parseUser(text: string): { username?: string; password?: Secret } {
  const [user, password] = cut(text, ':');
  const username = decode(user);
  return {
    ...(username === '' ? {} : { username }),
    ...(password === undefined || password === '' ? {} : { password: Secret.of(decode(password)) }),
  };
}

export function parseHostAndPort(text: string, defaultPort: number = DEFAULT_PORT): HostPort {
  const match = /^(?:\[([^\]]*)\]|([^:[\]]*))(?::(.*))?$/s.exec(text);
  if (match === null || isIPv6(text)) {
    throw invalid('The host in the address can not be read: IPv6 stands in brackets, [::1]:6379.');
  }
  const port = match[3] === undefined ? defaultPort : parsePort(match[3]);
  if (match[1] !== undefined) return { host: parseIPv6(match[1]), port };
  const host = match[2] as string;
  if (host === '') throw invalid(`The address has no host: ${FORMS}.`);
  if (!/^[\p{L}\p{N}._-]+$/u.test(host)) {
    throw invalid('The host in the address has a character that no host name has.');
  }
  return { host, port };
}

function parseIPv6(text: string): string {
  const host = decode(text);
  if (!isIPv6(host)) throw invalid('What stands in brackets in the address is not an IPv6 address.');
  return host;
}

function parsePort(text: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  if (port < 1 || port > 65535) throw invalid('The port in the address must be a number from 1 to 65535.');
  return port;
}

export function parseQuery(query: string | undefined): number {
  if (query === undefined || query === '') return 0;
  if (!query.startsWith('db=')) throw invalid('The only parameter that an address may have is ?db=n.');
  return parseDb(query.slice('db='.length));
}

/** Redis holds the number of databases in an int. */
export function parseDb(text: string): number {
  if (text === '') return 0;
  const db = /^\d{1,10}$/.test(text) ? Number(text) : -1;
  if (db < 0 || db > 0x7fffffff) throw invalid('The database in the address must be a number, as in /0.');
  return db;
}

export function decode(text: string): string {
  try {
    return text.replace(/(?:%[0-9a-f]{2})+/gi, decodeURIComponent);
  } catch {
    throw invalid('The address holds a percent sign whose code is not UTF-8: write % itself as %25.');
  }
}

/** Before and behind the first `mark`; undefined behind it where there is none. */
export function cut(text: string, mark: string): [string, string | undefined] {
  const at = text.indexOf(mark);
  return at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + 1)];
}

function unknownScheme(scheme: string): NaruError {
  const hint = Object.hasOwn(HINTS, scheme) ? HINTS[scheme] : FORMS;
  return invalid(`Addresses that begin with ${scheme}:// are not understood: ${hint}.`);
}

export function invalid(message: string): NaruError {
  return new NaruError('CONFIG_INVALID', message, { side: 'config' });
}
