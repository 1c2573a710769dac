import type { CommandView } from '../../protocol/resp/command-walker.ts';
import type { Rules } from '../../rules/rules.ts';
import { Action } from '../command-table.ts';
import { expiryOf, isRelative, KEPT } from '../expiry/command-expiry.ts';
import { NEVER } from '../expiry/expiry-table.ts';
import type { CommandBuilder } from './command-builder.ts';

/** What becomes of a command that gives its key an expiry, under rules about those. */
export const Ttl = {
  /** the command has nothing to do with them */
  AS_IT_STANDS: 0,
  /** `view` takes its place */
  REWRITTEN: 1,
  /** its keys have to be copied */
  COPY: 2,
} as const;
export type Ttl = (typeof Ttl)[keyof typeof Ttl];

/**
 * Gives commands the expiry that the rules make of theirs:
 *
 *     PEXPIREAT key ms ... -> PEXPIREAT key ms' | PERSIST key       SET key value ... PXAT ms -> SET key value ... [PXAT ms']
 *
 * A condition (NX, GT ...) was met at the source, which would not have sent the command otherwise. What has a relative time, which only sources before
 * Redis 7 send, and what moves a key's expiry to another key is copied.
 */
export class TtlRewriter {
  readonly #rules: Rules;
  readonly #builder: CommandBuilder;
  view!: CommandView;

  constructor(rules: Rules, builder: CommandBuilder) {
    this.#rules = rules;
    this.#builder = builder;
  }

  rewrite(command: CommandView, action: Action, db: number): Ttl {
    switch (action) {
      case Action.RENAME:
      case Action.COPY:
      case Action.MOVE:
      case Action.MSETEX:
        return this.#rules.changesTtls ? Ttl.COPY : Ttl.AS_IT_STANDS;
      case Action.EXPIRE:
      case Action.PEXPIRE:
      case Action.EXPIREAT:
      case Action.PEXPIREAT:
        return this.#ofKey(command, action, db, () => this.#expire(command, db, action));
      case Action.SETEX:
      case Action.PSETEX:
      case Action.RESTORE:
      case Action.WITH_EX_OPTION:
        return this.#ofKey(command, action, db, () => Ttl.COPY);
      case Action.SET:
        if (command.argc === 3) return Ttl.AS_IT_STANDS;
        return this.#ofKey(command, action, db, () => this.#set(command, db, action));
      default:
        return Ttl.AS_IT_STANDS;
    }
  }

  #ofKey(command: CommandView, action: Action, db: number, change: () => Ttl): Ttl {
    const { buf, argStart, argEnd } = command;
    if (!this.#rules.hasTtl(db, buf, argStart[1] as number, argEnd[1] as number)) return Ttl.AS_IT_STANDS;
    return isRelative(command, action) ? Ttl.COPY : change();
  }

  #expire(command: CommandView, db: number, action: Action): Ttl {
    const at = this.#changed(command, db, expiryOf(command, action, 0));
    const builder = this.#builder;
    builder.begin(at < 0 ? 2 : 3);
    builder.text(at < 0 ? 'PERSIST' : 'PEXPIREAT');
    builder.copy(command, 1, 2);
    if (at >= 0) builder.text(String(at));
    return this.#end(command);
  }

  #set(command: CommandView, db: number, action: Action): Ttl {
    const before = expiryOf(command, action, 0);
    if (before === NEVER || Number.isNaN(before)) return Ttl.AS_IT_STANDS;
    const option = timeOption(command);
    if (option === 0) return Ttl.COPY;
    const at = this.#changed(command, db, before);
    const builder = this.#builder;
    builder.begin(at < 0 ? command.argc - 2 : command.argc);
    builder.copy(command, 0, option);
    if (at >= 0) {
      builder.text('PXAT');
      builder.text(String(at));
    }
    builder.copy(command, option + 2, command.argc);
    return this.#end(command);
  }

  #changed({ buf, argStart, argEnd }: CommandView, db: number, atMs: number): number {
    if (atMs === KEPT) return atMs;
    return this.#rules.expiry(db, buf, argStart[1] as number, argEnd[1] as number, atMs, Date.now());
  }

  #end({ offset, endOffset }: CommandView): Ttl {
    this.view = this.#builder.end(offset, endOffset);
    return Ttl.REWRITTEN;
  }
}

/** The argument that says that an absolute time follows; 0: there is none. */
function timeOption(command: CommandView): number {
  for (let i = 3; i + 1 < command.argc; i++) if (/^(EX|PX)AT$/i.test(command.text(i))) return i;
  return 0;
}
