/** Opens a socket: TCP, unix or TLS, with a time limit and an abort signal, its bytes wired to an intake. It comes back paused. */
import net from 'node:net';
import tls from 'node:tls';
import type { NaruError } from '../errors/errors.ts';
import { abortedError, dialError, type Peer, timeoutError, tlsError } from './dial-errors.ts';
import type { Intake } from './intake.ts';
import type { Endpoint } from './url.ts';

export interface TlsOptions {
  ca?: Buffer | string;
  cert?: Buffer | string;
  key?: Buffer | string;
  /** Accept any certificate. */
  insecure?: boolean;
  /** The name that the certificate must be for, where it is not the host of the address. */
  serverName?: string;
}

export interface OpenOptions {
  tls?: TlsOptions;
  /** For the connection and the TLS handshake together. */
  timeoutMs: number;
  signal?: AbortSignal;
  side: 'source' | 'target';
}

/** After so long without traffic the kernel asks whether the peer still lives; below the idle limits of common load balancers. */
const KEEP_ALIVE_MS = 30_000;
/** How long one address of a host name may take before the next is tried; node's 250 ms is too short for a far network. */
const NEXT_ADDRESS_MS = 1000;

/**
 * Rejects with NaruError UNREACHABLE or TLS_FAILED. `opened` makes of the socket what is to be resolved, and has to listen for its
 * errors: it is called at once, since an error that nobody listens for would end the process.
 */
export function dial<T>(
  endpoint: Endpoint,
  options: OpenOptions,
  peer: Peer,
  intake: Intake,
  opened: (socket: net.Socket) => T,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const { timeoutMs, signal } = options;
    if (signal?.aborted) return reject(abortedError(signal.reason, peer));
    const socket = start(endpoint, options, peer, intake, reject);
    if (socket === undefined) return;
    let connected = false;
    const settle = (error?: NaruError) => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
      socket.off('error', onError);
      if (error === undefined) return resolve(opened(socket));
      // What the socket says while it is taken down adds nothing.
      socket.on('error', () => {});
      socket.destroy();
      reject(error);
    };
    const onError = (error: Error) => settle(dialError(error, peer));
    const onAbort = () => settle(abortedError(signal?.reason, peer));
    const timer = setTimeout(() => settle(timeoutError(connected, timeoutMs, peer)), timeoutMs);
    signal?.addEventListener('abort', onAbort, { once: true });
    socket.on('error', onError);
    socket.once('connect', () => {
      connected = true;
      if (endpoint.path === undefined) socket.setNoDelay(true).setKeepAlive(true, KEEP_ALIVE_MS);
    });
    socket.once(endpoint.tls ? 'secureConnect' : 'connect', () => settle());
  });
}

/** Certificates and keys that can not be read are refused by node at once, and go to `reject`. */
function start(
  endpoint: Endpoint,
  options: OpenOptions,
  peer: Peer,
  intake: Intake,
  reject: (error: NaruError) => void,
): net.Socket | undefined {
  if (!endpoint.tls) return plainSocket(endpoint, intake);
  try {
    return tlsSocket(endpoint, options.tls ?? {}, intake);
  } catch (error) {
    reject(tlsError(error, peer));
    return undefined;
  }
}

/** With `onread` the kernel's bytes go straight into the reader's space: no buffer is allocated for a read. */
function plainSocket(endpoint: Endpoint, intake: Intake): net.Socket {
  const onread: net.OnReadOpts = {
    buffer: () => intake.next(),
    callback: (n) => {
      intake.arrived(n);
      return true;
    },
  };
  return net.connect({ ...where(endpoint), onread }).pause();
}

function tlsSocket(endpoint: Endpoint, options: TlsOptions, intake: Intake): net.Socket {
  const { ca, cert, key } = options;
  const name = options.serverName ?? endpoint.host ?? '';
  const socket = tls.connect({
    ...where(endpoint),
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    rejectUnauthorized: options.insecure !== true,
    // SNI is for names only (RFC 6066); the certificate is checked against an address as well.
    servername: net.isIP(name) === 0 ? name : '',
    checkServerIdentity: (_host, certificate) => tls.checkServerIdentity(name, certificate),
  });
  // Paused first: a listener for 'data' would set it reading.
  return socket.pause().on('data', (chunk: Buffer) => intake.chunk(chunk));
}

function where(endpoint: Endpoint): net.NetConnectOpts {
  if (endpoint.path !== undefined) return { path: endpoint.path };
  return {
    host: endpoint.host ?? '',
    port: endpoint.port ?? 6379,
    autoSelectFamilyAttemptTimeout: NEXT_ADDRESS_MS,
  };
}
