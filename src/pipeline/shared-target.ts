/** What some commands mean where several sources fill one target, each of which speaks for its own keys only, or where a target has several nodes. */
import { CommandView } from '../protocol/resp/command-walker.ts';
import type { Target } from '../target/target.ts';

/** The other side of a stream that shares its target, or whose target has several nodes. */
export interface SharedTarget {
  /**
   * The source is empty, or its database `db` is: removes its keys from the target, and no others. All before that is acknowledged, and nothing
   * behind it is given until then, so that it may be done twice. Rejects with NaruError.
   */
  removeKeys(db: number | undefined): Promise<void>;
  /**
   * The same in the midst of a transaction, where nobody can wait: the source's keys are compared later. Absent, and no `endsTransactions`: the command is
   * given as it stands.
   */
  compareKeys?(): void;
  /**
   * A flush in the midst of a transaction is waited for too: what stands before it is a transaction of its own, and so is what stands behind it. A target that
   * is lost in between goes on behind it without one.
   */
  readonly endsTransactions?: boolean;
}

const CRLF = Buffer.from('\r\n');

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
    write(target, db, command.offset, ['FUNCTION', 'LOAD', 'REPLACE', placeholder(library)]);
    return false;
  }
  if (name === 'LOAD' && option !== 'REPLACE') {
    write(target, db, command.offset, ['FUNCTION', 'LOAD', 'REPLACE', argument(command, 2)]);
    return true;
  }
  if (name === 'RESTORE' && option !== 'FLUSH' && option !== 'REPLACE') {
    write(target, db, command.offset, ['FUNCTION', 'RESTORE', argument(command, 2), 'REPLACE']);
    return true;
  }
  return false;
}

/** Does no harm where it is not there any more, or is done twice. */
export function deleteLibrary(library: string, target: Target, db: number, offset: number): void {
  write(target, db, offset, ['FUNCTION', 'LOAD', 'REPLACE', placeholder(library)]);
  write(target, db, offset, ['FUNCTION', 'DELETE', library]);
}

/** A library of this name, so that it can be deleted though another stream has done so. Its function is one that nobody has. */
function placeholder(library: string): string {
  return `#!lua name=${library}\nredis.register_function('naru_deletes_${library}', function() return 0 end)`;
}

function argument(command: CommandView, index: number): Buffer {
  return Buffer.from(command.buf.subarray(command.argStart[index], command.argEnd[index]));
}

function write(target: Target, db: number, offset: number, args: readonly (string | Buffer)[]): void {
  target.command(
    viewOf(
      args.map((arg) => Buffer.from(arg)),
      offset,
    ),
    db,
  );
}

/** A command that is whole in memory. */
function viewOf(args: readonly Buffer[], offset: number): CommandView {
  const view = new CommandView();
  view.grow(args.length);
  view.argc = args.length;
  view.offset = offset;
  const parts: Buffer[] = [Buffer.from(`*${args.length}\r\n`)];
  let at = (parts[0] as Buffer).length;
  for (const [index, arg] of args.entries()) {
    const header = Buffer.from(`$${arg.length}\r\n`);
    at += header.length;
    view.argStart[index] = at;
    at += arg.length;
    view.argEnd[index] = at;
    at += 2;
    parts.push(header, arg, CRLF);
  }
  view.buf = Buffer.concat(parts);
  view.frameEnd = at;
  return view;
}
