import type { CommandView } from '../../protocol/resp/command-walker.ts';

/**
 * The other database that a command reaches; undefined: it stays in its own.
 *
 *     MOVE key db         COPY source target [DB db] [REPLACE]
 */
export function otherDatabase(command: CommandView): number | undefined {
  const length = (command.argEnd[0] as number) - (command.argStart[0] as number);
  if (length !== 4 || command.argc < 3) return undefined;
  const name = command.text(0).toUpperCase();
  if (name === 'MOVE') return Number(command.text(2));
  if (name !== 'COPY') return undefined;
  for (let index = 3; index + 1 < command.argc; index++) {
    if (/^db$/i.test(command.text(index))) return Number(command.text(index + 1));
  }
  return undefined;
}

/** SORT reads keys by its patterns BY and GET, which are not among its keys. */
export function readsMore(command: CommandView): boolean {
  const length = (command.argEnd[0] as number) - (command.argStart[0] as number);
  return length === 4 && /^sort$/i.test(command.text(0));
}
