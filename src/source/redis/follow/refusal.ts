import { isNaruError, NaruError } from '../../../errors/errors.ts';
import type { Connection } from '../../../net/connection.ts';
import { ServerError } from '../../../net/server-error.ts';

/** What a server answers for a while to everything: it runs a script, or loads. */
const PASSING: ReadonlySet<string> = new Set(['BUSY', 'LOADING', 'MASTERDOWN']);

export function isPassing(error: unknown): error is ServerError {
  return error instanceof ServerError && PASSING.has(error.code);
}

/** What a command was refused with. A proxy that hangs up at a command that it does not know has refused it too. */
export function refusalOf(error: unknown): string | undefined {
  if (error instanceof ServerError) return error.text;
  return isNaruError(error) && error.code === 'LINK_LOST' ? 'it closed the connection' : undefined;
}

/** The error of a way that needs `command`; what is no refusal stays what it is. */
export function notTold(error: unknown, command: string, connection: Connection): unknown {
  const refusal = refusalOf(error);
  if (refusal === undefined) return error;
  const { side, node } = connection;
  if (isPassing(error))
    return new NaruError('LINK_LOST', `The source answers: ${error.text}.`, { side, node });
  return new NaruError(
    'CHANGES_NOT_TOLD',
    `The source refuses ${command}: ${refusal}.`,
    { side, node },
    { cause: error },
  );
}
