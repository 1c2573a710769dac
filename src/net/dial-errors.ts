/** Turns what node says of a connection that failed into the project's errors: a sentence, and the system's own code. */
import { isNaruError, NaruError } from '../errors/errors.ts';

/** Where a message speaks of; `tls` whether the address asks for it. */
export interface Peer {
  readonly side: 'source' | 'target';
  readonly node: string;
  readonly tls: boolean;
}

const UNREACHABLE: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'Nothing accepts connections at this address',
  ENOTFOUND: 'The host name does not resolve',
  EAI_AGAIN: 'The name server gives no answer for the host name',
  ETIMEDOUT: 'The connection timed out',
  EHOSTUNREACH: 'There is no route to the host',
  ENETUNREACH: 'There is no route to the network of the host',
  ECONNRESET: 'The peer closed the connection at once',
  ENOENT: 'There is no such socket',
  ENOTSOCK: 'The path is not a socket',
  EACCES: 'The socket may not be opened by this user',
  EMFILE: 'This process has too many open files (ulimit -n)',
};

const NOT_TRUSTED = 'The certificate is not signed by a CA that is trusted';

const TLS: Readonly<Record<string, string>> = {
  DEPTH_ZERO_SELF_SIGNED_CERT: NOT_TRUSTED,
  SELF_SIGNED_CERT_IN_CHAIN: NOT_TRUSTED,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: NOT_TRUSTED,
  UNABLE_TO_GET_ISSUER_CERT: NOT_TRUSTED,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: NOT_TRUSTED,
  CERT_SIGNATURE_FAILURE: 'The signature of the certificate is wrong',
  CERT_HAS_EXPIRED: 'The certificate has expired',
  CERT_NOT_YET_VALID: 'The certificate is not valid yet: compare the clocks',
  CERT_REVOKED: 'The certificate was revoked',
  INVALID_PURPOSE: 'The certificate is not one for servers',
  ERR_TLS_CERT_ALTNAME_INVALID: 'The certificate is for another name than the address',
  ERR_SSL_WRONG_VERSION_NUMBER: 'The port does not speak TLS: it may be the plain one (redis://)',
  ERR_SSL_PACKET_LENGTH_TOO_LONG: 'The port does not speak TLS: it may be the plain one (redis://)',
  ERR_SSL_UNSUPPORTED_PROTOCOL: 'The server speaks no version of TLS that is accepted here',
  ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION: 'The server accepts no version of TLS that is spoken here',
  ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED: 'The server wants a client certificate',
  ERR_SSL_TLSV1_ALERT_UNKNOWN_CA: 'The server does not trust the client certificate',
  ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE:
    'The server refused the TLS handshake; it may want a client certificate',
};

/** An error before the connection was open. */
export function dialError(error: unknown, peer: Peer): NaruError {
  const code = codeOf(error);
  const sentence = Object.hasOwn(UNREACHABLE, code) ? UNREACHABLE[code] : undefined;
  if (sentence !== undefined && !isTlsCode(code)) return wrap('UNREACHABLE', sentence, error, peer);
  if (peer.tls && isTlsCode(code)) return tlsError(error, peer);
  return wrap('UNREACHABLE', `The connection failed: ${messageOf(error)}`, error, peer);
}

/** The TLS handshake failed, or the files for it can not be used. */
export function tlsError(error: unknown, peer: Peer): NaruError {
  const code = codeOf(error);
  const sentence = Object.hasOwn(TLS, code) ? TLS[code] : undefined;
  return wrap('TLS_FAILED', sentence ?? `TLS failed: ${messageOf(error)}`, error, peer);
}

/**
 * An error of a connection that was open. With TLS 1.3 the server's opinion of the client's certificate comes only then: so an alert
 * before the first byte still belongs to the handshake.
 */
export function lostError(error: unknown, peer: Peer, begun: boolean): NaruError {
  if (peer.tls && !begun && isTlsCode(codeOf(error))) return tlsError(error, peer);
  const code = codeOf(error);
  const sentence =
    code === 'ECONNRESET' || code === 'EPIPE' ? 'The peer broke the connection off' : messageOf(error);
  return wrap('LINK_LOST', sentence, error, peer);
}

/** Nothing came within the time: the peer is silent, or its port speaks another protocol. */
export function timeoutError(connected: boolean, timeoutMs: number, peer: Peer): NaruError {
  const cause = timeoutCause(timeoutMs);
  if (!connected) return wrap('UNREACHABLE', `No connection within ${timeoutMs} ms`, cause, peer);
  const sentence = `The port accepts connections but did not answer the TLS handshake within ${timeoutMs} ms: it may be the plain one (redis://)`;
  return wrap('TLS_FAILED', sentence, cause, peer);
}

/** The cause of an error that came of waiting: by its code a silence is told from a wrong answer. */
export function timeoutCause(timeoutMs: number): Error {
  return Object.assign(new Error(`no answer within ${timeoutMs} ms`), { code: 'ETIMEDOUT' });
}

/** A signal's reason that is one of the project's errors is passed on. */
export function abortedError(reason: unknown, { side, node }: Pick<Peer, 'side' | 'node'>): NaruError {
  if (isNaruError(reason)) return reason;
  return new NaruError('UNREACHABLE', 'Connecting was stopped.', { side, node }, { cause: reason });
}

function wrap(
  code: 'UNREACHABLE' | 'TLS_FAILED' | 'LINK_LOST',
  sentence: string,
  cause: unknown,
  peer: Peer,
): NaruError {
  const system = codeOf(cause);
  const message = system === '' ? `${sentence}.` : `${sentence} (${system}).`;
  return new NaruError(code, message, { side: peer.side, node: peer.node }, { cause });
}

function isTlsCode(code: string): boolean {
  return Object.hasOwn(TLS, code) || code.startsWith('ERR_SSL_') || code.startsWith('ERR_TLS_');
}

function codeOf(error: unknown): string {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === 'string' ? code : '';
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
