import type { CommandView } from '../protocol/resp/command-walker.ts';
import type { Target } from '../target/target.ts';

/**
 * Writes an XADD without IDMP or IDMPAUTO; false: it has neither, the caller forwards it. Redis 8.6 (t_stream.c, xaddCommand) tells its replicas
 * the id that an entry got and the producer's, but takes both from its own master only. So the entry is the same in the target, and what the
 * source remembers of the producer (for 100 s by default) is not.
 *
 *     XADD key [NOMKSTREAM] [KEEPREF | DELREF | ACKED] [IDMPAUTO producer | IDMP producer item]
 *         [MAXLEN | MINID [= | ~] threshold [LIMIT count]] id field value ...
 */
export function addWithoutIdempotency(command: CommandView, target: Target, db: number): boolean {
  for (let index = 2; index < command.argc; ) {
    // An id, which ends the options. Most entries have no options at all.
    if ((command.buf[command.argStart[index] as number] as number) <= NINE) return false;
    const word = command.text(index).toUpperCase();
    if (word === 'IDMP' || word === 'IDMPAUTO') {
      write(command, target, db, index, index + (word === 'IDMP' ? 3 : 2));
      return true;
    }
    index += word === 'MAXLEN' || word === 'MINID' ? trimWords(command, index) : word === 'LIMIT' ? 2 : 1;
  }
  return false;
}

/** digits, and `*` and `-` before them */
const NINE = 0x39;

/** `MAXLEN ~ 10` or `MAXLEN 10` */
function trimWords(command: CommandView, index: number): number {
  return index + 1 < command.argc && /^[=~]$/.test(command.text(index + 1)) ? 3 : 2;
}

/** The command without its arguments `from` to `to`. */
function write(command: CommandView, target: Target, db: number, from: number, to: number): void {
  const out = target.beginWrite(db);
  out.begin(command.argc - (to - from));
  for (let index = 0; index < command.argc; index++) {
    if (index >= from && index < to) continue;
    out.arg(command.buf, command.argStart[index] as number, command.argEnd[index] as number);
  }
  target.endWrite(command.offset, true);
}
