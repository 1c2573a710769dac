/** What some commands mean where several sources fill one target: each of them speaks for its own keys only. */
import type { CommandView } from '../protocol/resp/command-walker.ts';
import type { Target } from '../target/target.ts';

/** The other side of a stream that shares its target. */
export interface SharedTarget {
  /** The source is empty: removes its keys from the target, and no others. Rejects with NaruError. */
  removeKeys(): Promise<void>;
  /** The same in the midst of a transaction, where nobody can wait: the source's keys are compared later. */
  compareKeys(): void;
}

const NO_KEY = Buffer.alloc(0);

/**
 * Function libraries are the same at all nodes of a cluster, and each node's stream loads and deletes them: the second one must not fail.
 *
 *     FUNCTION LOAD [REPLACE] code      FUNCTION RESTORE payload [FLUSH|APPEND|REPLACE]      FUNCTION DELETE name
 *
 * False: the command can go as it stands.
 */
export function functionAgain(command: CommandView, target: Target, db: number): boolean {
  const name = command.argc > 2 ? command.text(1).toUpperCase() : '';
  const option = command.argc > 3 ? command.text(name === 'LOAD' ? 2 : 3).toUpperCase() : '';
  if (name === 'DELETE') {
    const library = command.text(2);
    write(target, db, command.offset, false, ['FUNCTION', 'LOAD', 'REPLACE', placeholder(library)]);
    return false;
  }
  if (name === 'LOAD' && option !== 'REPLACE') {
    write(target, db, command.offset, true, ['FUNCTION', 'LOAD', 'REPLACE', argument(command, 2)]);
    return true;
  }
  if (name === 'RESTORE' && option !== 'FLUSH' && option !== 'REPLACE') {
    write(target, db, command.offset, true, ['FUNCTION', 'RESTORE', argument(command, 2), 'REPLACE']);
    return true;
  }
  return false;
}

/** A library of this name, so that it can be deleted though another stream has done so. Its function is one that nobody has. */
function placeholder(library: string): string {
  return `#!lua name=${library}\nredis.register_function('naru_deletes_${library}', function() return 0 end)`;
}

function argument(command: CommandView, index: number): Buffer {
  return Buffer.from(command.buf.subarray(command.argStart[index], command.argEnd[index]));
}

function write(
  target: Target,
  db: number,
  offset: number,
  counted: boolean,
  args: readonly (string | Buffer)[],
): void {
  const out = target.beginWrite(db, NO_KEY, 0, 0);
  out.begin(args.length);
  for (const arg of args) {
    const bytes = Buffer.from(arg);
    out.arg(bytes, 0, bytes.length);
  }
  out.end();
  target.endWrite(offset, counted);
}
