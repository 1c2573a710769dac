import type { Output } from '../../protocol/resp/output.ts';
import type { Kind } from './in-flight.ts';

/** What writers of entries and commands need of a lane. */
export interface LaneWriter {
  /** Where the command under way is written; the same for all commands of a lane. */
  readonly output: Output;
  /** Before each command. */
  begin(db: number): Output;
  /** Behind each command: what its reply is for, how many entries or commands it stands for, and where in the source it came from. */
  end(kind: Kind, count: number, offset: number): void;
  /** Before a key with a plain string, as two arguments; `bytes` bounds them with their headers. */
  beginPair(db: number, bytes: number, offset: number): Output;
  endPair(kind: Kind): void;
  /** Has `write` write what must not be done where anything before it is refused. */
  whenAnswered(write: () => void): void;
}
