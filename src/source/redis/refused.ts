import { NaruError } from '../../errors/errors.ts';

/** What an error reply to a handshake command means. `text` is the server's own, without the `-`. */
export function refusedBySource(text: string, node: string, psyncCommand: string): NaruError {
  const place = { side: 'source', node } as const;
  const word = text.split(' ', 1)[0] ?? '';
  switch (word) {
    case 'NOMASTERLINK':
    case 'MASTERDOWN':
      return new NaruError('SOURCE_NO_MASTER', `The source answers: ${text}`, place);
    case 'LOADING':
      return new NaruError('SOURCE_LOADING', `The source answers: ${text}`, place);
    case 'NOAUTH':
    case 'WRONGPASS':
      return new NaruError('AUTH_FAILED', `The source answers: ${text}`, place);
    case 'NOPERM':
      return new NaruError(
        'NO_PERMISSION',
        `The source answers: ${text} (a replica needs: ACL SETUSER <user> +psync +replconf +ping +info)`,
        place,
      );
    default:
      return new NaruError(
        'PSYNC_REFUSED',
        `The source offers no replication, it refused ${psyncCommand}: ${text}`,
        place,
      );
  }
}
