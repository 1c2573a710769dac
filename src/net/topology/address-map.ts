/**
 * Addresses as the servers announce them to each other, and as they are reached from here: behind NAT, in containers, through tunnels.
 *
 *     rule = host ":" port "=" host ":" port | host "=" host          IPv6 in brackets
 */
import { isIPv6 } from 'node:net';
import { NaruError } from '../../errors/errors.ts';
import type { HostPort } from '../url.ts';

interface Place {
  host: string;
  port: number | undefined;
}

/** A rule with ports goes before one for the whole host. Host names are compared without regard to case. */
export class AddressMap {
  static readonly NONE: AddressMap = new AddressMap();
  readonly #addresses: Map<string, HostPort> = new Map();
  readonly #hosts: Map<string, string> = new Map();

  /** `rules` may hold several in one text, with commas between. Throws NaruError CONFIG_INVALID. */
  static parse(rules: readonly string[]): AddressMap {
    const map = new AddressMap();
    const texts = rules.flatMap((rule) => rule.split(',')).map((text) => text.trim());
    for (const text of texts) if (text !== '') map.#add(text);
    return map;
  }

  /** The address to dial for one that a server announced; the same where no rule holds. */
  translate(host: string, port: number): HostPort {
    const address = this.#addresses.get(keyOf(host, port));
    return address ?? { host: this.#hosts.get(host.toLowerCase()) ?? host, port };
  }

  #add(text: string): void {
    const [announced, reachable, ...rest] = text.split('=').map(parsePlace);
    if (announced === undefined || reachable === undefined || rest.length > 0) throw invalid(text);
    if ((announced.port === undefined) !== (reachable.port === undefined)) {
      throw invalid(text, 'give both sides a port, or neither');
    }
    const known =
      announced.port === undefined
        ? this.#hosts.has(announced.host)
        : this.#addresses.has(keyOf(announced.host, announced.port));
    if (known) throw invalid(text, 'what is left of the = stands in another rule too');
    if (announced.port === undefined) this.#hosts.set(announced.host, reachable.host);
    else this.#addresses.set(keyOf(announced.host, announced.port), reachable as HostPort);
  }
}

function keyOf(host: string, port: number): string {
  return `${host.toLowerCase()} ${port}`;
}

function parsePlace(text: string): Place | undefined {
  const match = /^(?:\[([^\]]+)\]|([\p{L}\p{N}._-]+))(?::(\d{1,5}))?$/u.exec(text.trim());
  if (match === null || (match[1] !== undefined && !isIPv6(match[1]))) return undefined;
  const host = (match[1] ?? (match[2] as string)).toLowerCase();
  if (match[3] === undefined) return { host, port: undefined };
  const port = Number(match[3]);
  return port >= 1 && port <= 65535 ? { host, port } : undefined;
}

function invalid(text: string, reason?: string): NaruError {
  const what = reason ?? 'write announced=reachable, as in 10.0.0.5:6379=127.0.0.1:16379 or 10.0.0.5=bastion';
  return new NaruError(
    'CONFIG_INVALID',
    `The address map has a rule that can not be used, ${text}: ${what}.`,
    {
      side: 'config',
    },
  );
}
