import type { TlsOptions } from '../net/connection.ts';
import type { Printer } from './printer.ts';

interface Sides {
  readonly fromTls?: TlsOptions | undefined;
  readonly toTls?: TlsOptions | undefined;
}

/** Loud words where certificates are not verified. */
export function warnOfInsecureTls(options: Sides, printer: Printer): void {
  const sides = [
    ...(options.fromTls?.insecure ? ['source'] : []),
    ...(options.toTls?.insecure ? ['target'] : []),
  ];
  if (sides.length === 0) return;
  printer.note(
    `WARNING: --tls-insecure: the certificate of the ${sides.join(' and of the ')} is NOT verified. Anybody on the way can read and change the data. Not for production.`,
  );
}
