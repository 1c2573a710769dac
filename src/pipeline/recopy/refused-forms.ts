import type { CommandView } from '../../protocol/resp/command-walker.ts';

/** After so many refusals of commands of one form, the next ones are not sent any more: each costs a new connection. */
const REFUSALS_MAX = 3;
/** Options stand in front: behind so many arguments there are fields and members only. */
const ARGUMENTS_MAX = 10;

/** Options of commands that write, whatever command they belong to. */
const OPTIONS: ReadonlySet<string> = new Set(
  (
    'NX XX GT LT CH INCR GET KEEPTTL EX PX EXAT PXAT PERSIST IFEQ IFNE IFDEQ IFDNE NOMKSTREAM MAXLEN MINID LIMIT KEEPREF DELREF ACKED ' +
    'MKSTREAM ENTRIESREAD ENTRIESADDED MAXDELETEDID JUSTID FORCE LASTID RETRYCOUNT IDLE TIME REPLACE ABSTTL IDLETIME FREQ DB COUNT ' +
    'WITHVALUES WEIGHTS AGGREGATE STORE STOREDIST FIELDS FNX FXX ASYNC SYNC'
  ).split(' '),
);

/** Commands of which the second argument says as much as the name: a subcommand, an operation, a script's digest. */
const IN_TWO_WORDS = /^(XGROUP|BITOP|EVALSHA|FCALL|OBJECT)$/;

/**
 * Remembers which forms of commands a target refuses: the name, with the options that stand in it. So what is refused for its GT does not
 * bring the plain command into disrepute.
 */
export class RefusedForms {
  /** by name, how often each form was refused */
  readonly #names = new Map<string, Map<string, number>>();

  /** Nothing was refused so far. */
  get none(): boolean {
    return this.#names.size === 0;
  }

  add(command: CommandView): void {
    const name = nameOf(command);
    const forms = this.#names.get(name) ?? new Map<string, number>();
    const form = formOf(name, command);
    forms.set(form, (forms.get(form) ?? 0) + 1);
    this.#names.set(name, forms);
  }

  /** Commands of this form are not worth sending. */
  has(command: CommandView): boolean {
    const name = nameOf(command);
    const forms = this.#names.get(name);
    return forms !== undefined && (forms.get(formOf(name, command)) ?? 0) >= REFUSALS_MAX;
  }
}

function nameOf(command: CommandView): string {
  return command.text(0).toUpperCase();
}

/** `ZADD GT`; the order in which options stand does not matter. */
function formOf(name: string, command: CommandView): string {
  const words: string[] = [];
  const end = Math.min(command.argc, ARGUMENTS_MAX);
  for (let index = 2; index < end; index++) {
    const length = (command.argEnd[index] as number) - (command.argStart[index] as number);
    if (length > 12) continue;
    const word = command.text(index).toUpperCase();
    if (OPTIONS.has(word)) words.push(word);
  }
  const head = IN_TWO_WORDS.test(name) && command.argc > 1 ? `${name} ${command.text(1)}` : name;
  return [head, ...words.sort()].join(' ');
}
