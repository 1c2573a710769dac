import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeTempDir } from './cleanup.ts';

/** Paths of PEM files, and the same as PEM text where a client needs it. All are valid for localhost and 127.0.0.1 and for two days. */
export interface TlsFiles {
  dir: string;
  caFile: string;
  serverCertFile: string;
  serverKeyFile: string;
  clientCertFile: string;
  clientKeyFile: string;
  ca: string;
  clientCert: string;
  clientKey: string;
  /** a CA that signed none of them */
  strangerCaFile: string;
  remove(): void;
}

const KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-sha256'];

/** Makes a CA, a server's and a client's certificate with the `openssl` binary in a temp folder. */
export function makeTlsFiles(): TlsFiles {
  const temp = makeTempDir('naru-tls-');
  const at = (name: string): string => join(temp.path, name);
  const openssl = (...args: string[]): void => {
    execFileSync('openssl', args, { cwd: temp.path, stdio: ['ignore', 'ignore', 'pipe'] });
  };
  const makeCa = (name: string): void =>
    openssl(
      'req',
      '-x509',
      ...KEY,
      '-keyout',
      `${name}.key`,
      '-out',
      `${name}.crt`,
      '-days',
      '2',
      '-subj',
      `/CN=${name}`,
    );
  const sign = (name: string): void => {
    openssl('req', '-new', ...KEY, '-keyout', `${name}.key`, '-out', `${name}.csr`, '-subj', `/CN=${name}`);
    const signer = ['-CA', 'ca.crt', '-CAkey', 'ca.key', '-CAcreateserial', '-days', '2', '-sha256'];
    openssl('x509', '-req', '-in', `${name}.csr`, ...signer, '-extfile', 'names.ext', '-out', `${name}.crt`);
  };
  writeFileSync(at('names.ext'), 'subjectAltName=DNS:localhost,IP:127.0.0.1\n');
  makeCa('ca');
  makeCa('stranger');
  sign('server');
  sign('client');
  return {
    dir: temp.path,
    caFile: at('ca.crt'),
    serverCertFile: at('server.crt'),
    serverKeyFile: at('server.key'),
    clientCertFile: at('client.crt'),
    clientKeyFile: at('client.key'),
    strangerCaFile: at('stranger.crt'),
    ca: readFileSync(at('ca.crt'), 'utf8'),
    clientCert: readFileSync(at('client.crt'), 'utf8'),
    clientKey: readFileSync(at('client.key'), 'utf8'),
    remove: () => temp.remove(),
  };
}
