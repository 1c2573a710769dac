import type { CommandView } from '../protocol/resp/command-walker.ts';
import type { Target } from '../target/target.ts';

/**
 * Writes an XADD without IDMP or IDMPAUTO; false: it has neither, the caller forwards it. Redis 8.6 (t_stream.c, xaddCommand) tells its replicas
 * the id that an entry got and the producer's, but takes both from its own master only. So the entry is the same in the target, and what the
 * source remembers of the producer (for 100 s by default) is not. A repetition, which added nothing, is told with `*` for the id: it is left out.
 *
 *     XADD key [NOMKSTREAM] [KEEPREF | DELREF | ACKED] [IDMPAUTO producer | IDMP producer item]
 *         [MAXLEN | MINID [= | ~] threshold [LIMIT count]] id field value ...
 */
export function addWithoutIdempotency(command: CommandView, target: Target, db: number): boolean {
  let from = 0;
  let to = 0;
  let index = 2;
  // The id ends the options. Most entries have no options at all.
  while (index < command.argc && firstByte(command, index) > NINE) {
    const word = command.text(index).toUpperCase();
    if (word === 'IDMP' || word === 'IDMPAUTO') {
      from = index;
      index += word === 'IDMP' ? 3 : 2;
      to = index;
    } else {
      index += word === 'MAXLEN' || word === 'MINID' ? trimWords(command, index) : word === 'LIMIT' ? 2 : 1;
    }
  }
  if (from === 0 || index >= command.argc) return false;
  if (firstByte(command, index) !== STAR) write(command, target, db, from, to);
  return true;
}

const STAR = 0x2a;
/** digits, and `*` and `-` before them */
const NINE = 0x39;

const firstByte = (command: CommandView, index: number): number =>
  command.buf[command.argStart[index] as number] as number;

/** `MAXLEN ~ 10` or `MAXLEN 10` */
function trimWords(command: CommandView, index: number): number {
  return index + 1 < command.argc && /^[=~]$/.test(command.text(index + 1)) ? 3 : 2;
}

/** The command without its arguments `from` to `to`. */
function write(command: CommandView, target: Target, db: number, from: number, to: number): void {
  const out = target.beginWrite(db, command.buf, command.argStart[1] as number, command.argEnd[1] as number);
  out.begin(command.argc - (to - from));
  for (let index = 0; index < command.argc; index++) {
    if (index >= from && index < to) continue;
    out.arg(command.buf, command.argStart[index] as number, command.argEnd[index] as number);
  }
  target.endWrite(command.offset, true);
}
