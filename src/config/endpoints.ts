/** One side's endpoint, put together from its URL and the options beside it. */
import { readFileSync } from 'node:fs';
import { NaruError } from '../errors/errors.ts';
import type { TlsOptions } from '../net/connection.ts';
import { Secret } from '../net/secret.ts';
import type { Endpoint } from '../net/url.ts';
import { camelName } from './names.ts';
import type { Side, SideOptionName } from './options.ts';
import type { OptionValues, Origins } from './sync-options.ts';

/** User and password given as options override those in the URL. */
export function withCredentials(side: Side, values: OptionValues, origins: Origins): Endpoint {
  const username = values[`${side}Username`];
  const password = passwordOf(side, 'password', values, origins);
  const endpoint = values[side] as Endpoint;
  const { sentinel } = endpoint;
  return {
    ...endpoint,
    ...(username !== undefined && { username }),
    ...(password !== undefined && { password }),
    ...(sentinel !== undefined && { sentinel: { ...sentinel, ...sentinelLogin(side, values, origins) } }),
  };
}

function sentinelLogin(
  side: Side,
  values: OptionValues,
  origins: Origins,
): { username?: string; password?: Secret } {
  const username = values[`${side}SentinelUsername`];
  const password = passwordOf(side, 'sentinel-password', values, origins);
  return { ...(username !== undefined && { username }), ...(password !== undefined && { password }) };
}

function passwordOf(
  side: Side,
  name: 'password' | 'sentinel-password',
  values: OptionValues,
  origins: Origins,
): Secret | undefined {
  const password = values[camelName(`${side}-${name}`)];
  const file = values[camelName(`${side}-${name}-file`)];
  if (file === undefined) return password;
  const where = label(side, `${name}-file`, origins);
  if (password !== undefined) throw invalid(`${where} and ${label(side, name, origins)}: give one of them`);
  const line = readFile(file, where)
    .toString('utf8')
    .replace(/\r?\n.*/s, '');
  if (line === '') throw invalid(`${where}: the first line of ${file} is empty`);
  return Secret.of(line);
}

/**
 * `given` is TLS material in memory and takes the place of all options. Undefined where the endpoint does not speak TLS.
 * @throws NaruError CONFIG_INVALID for a file that can not be read, half a certificate pair, or TLS options without rediss://
 */
export function readTls(
  side: Side,
  endpoint: Endpoint,
  given: TlsOptions | undefined,
  values: OptionValues,
  origins: Origins,
): TlsOptions | undefined {
  if (!endpoint.tls) {
    if (given !== undefined) throw invalid(`${side}Tls is given, but ${side} is not a rediss:// address`);
    refuseTlsOptions(side, values, origins);
    return undefined;
  }
  if (given !== undefined) return given;
  const ca = tlsFile(side, 'tls-ca', values, origins);
  const cert = tlsFile(side, 'tls-cert', values, origins);
  const key = tlsFile(side, 'tls-key', values, origins);
  if ((cert === undefined) !== (key === undefined)) {
    throw invalid(`tls-cert and tls-key belong together, and ${side} has only one of them`);
  }
  const serverName = values[`${side}TlsServerName`];
  return {
    insecure: values[`${side}TlsInsecure`] ?? values.tlsInsecure ?? false,
    ...(ca !== undefined && { ca }),
    ...(cert !== undefined && { cert }),
    ...(key !== undefined && { key }),
    ...(serverName !== undefined && { serverName }),
  };
}

function tlsFile(
  side: Side,
  part: 'tls-ca' | 'tls-cert' | 'tls-key',
  values: OptionValues,
  origins: Origins,
): Buffer | undefined {
  const own = values[camelName(`${side}-${part}`)];
  if (own !== undefined) return readFile(own, label(side, part, origins));
  const shared = values[camelName(part)];
  return shared === undefined
    ? undefined
    : readFile(shared, `${part} (${origins[camelName(part)] ?? 'option'})`);
}

const TLS_TEXT_OPTIONS: readonly SideOptionName[] = ['tls-ca', 'tls-cert', 'tls-key', 'tls-server-name'];

/** Who gives a CA means TLS: to go on without it would send everything in the clear. */
function refuseTlsOptions(side: Side, values: OptionValues, origins: Origins): void {
  for (const part of TLS_TEXT_OPTIONS) {
    if (values[camelName(`${side}-${part}`)] === undefined) continue;
    throw invalid(`${label(side, part, origins)} is given, but ${side} is not a rediss:// address`);
  }
}

function label(side: Side, part: SideOptionName, origins: Origins): string {
  const name = `${side}-${part}` as const;
  return `${name} (${origins[camelName(name)] ?? `option ${camelName(name)}`})`;
}

function readFile(path: string, where: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code ?? 'unknown error';
    throw invalid(`${where}: can not read ${path} (${reason})`, error);
  }
}

function invalid(message: string, cause?: unknown): NaruError {
  return new NaruError('CONFIG_INVALID', message, { side: 'config' }, { cause });
}
