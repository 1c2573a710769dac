import { NaruError } from '../../../errors/errors.ts';
import { type RespClient, ServerError } from '../../../net/client.ts';
import type { Connection } from '../../../net/connection.ts';
import type { CommandView } from '../../../protocol/resp/command-walker.ts';
import { Marks } from './marks.ts';
import { MonitorLink } from './monitor-link.ts';
import { notTold } from './refusal.ts';
import type { OpenClient, OpenSession, Session, Told } from './session.ts';

/** What is known of the source's commands: which of them write, and where the keys stand that they write. */
export interface CommandKeys {
  /** Whether a command of this name, `buf[start, end)`, may change keys. */
  wants(buf: Buffer, start: number, end: number): boolean;
  /** The count of keys that it may change; negative where it can't be told. Their argument indexes stand in `positions`. */
  find(command: CommandView): number;
  readonly positions: Uint32Array;
  readonly anyDatabase: boolean;
  /** Of a command without keys: it changes keys all the same. */
  changesUnnamed(command: CommandView): boolean;
}

/** Questions for the server that may be open at once, and how many arguments may go into one. */
const QUESTIONS_MAX = 1000;
const ARGUMENTS_MAX = 1000;
const SHOWN_MS = 10_000;

/**
 * MONITOR: every command that the source runs, before or after it ran. `commands` are sent each on a connection of its own: one MONITOR, or at a proxy one
 * command for each shard behind it (`IMONITOR 0`, `IMONITOR 1` ...).
 */
export function openMonitor(
  keys: CommandKeys,
  commands: readonly (readonly (string | number)[])[] = [['MONITOR']],
): OpenSession {
  return (open, told) => openAll(open, told, keys, commands);
}

async function openAll(
  open: OpenClient,
  told: Told,
  keys: CommandKeys,
  commands: readonly (readonly (string | number)[])[],
): Promise<Session> {
  const asking = await open();
  const connections = [asking.connection];
  const commandsOf = new Commands(keys, told, asking);
  const marks = new Marks(asking, commands.length);
  const destroy = (reason?: NaruError): void => {
    for (const connection of connections) connection.destroy(reason);
  };
  try {
    for (const [shard, command] of commands.entries()) {
      const { connection } = await open();
      connections.push(connection);
      const link = new MonitorLink(connection, {
        wants: (buf, start, end) => marks.wants(buf, start, end) || keys.wants(buf, start, end),
        command: (db, view, cut) => {
          if (!marks.seen(shard, view)) commandsOf.told(db, view, cut);
        },
      });
      try {
        await link.begin(command);
      } catch (error) {
        throw notTold(error, command.join(' '), connection);
      }
    }
    const closed = Promise.race(connections.map((connection) => connection.closed)).then((error) => {
      destroy(error);
      marks.fail(error);
      return error;
    });
    await shown(marks, asking.connection, destroy);
    return {
      doubts: [],
      proven: true,
      closed,
      async caughtUp() {
        await marks.passed();
        await commandsOf.answered();
      },
      destroy,
    };
  } catch (error) {
    destroy();
    throw error;
  }
}

/** Whether commands that are run are shown: a proxy may take MONITOR and show nothing. */
async function shown(
  marks: Marks,
  { side, node }: Connection,
  destroy: (reason: NaruError) => void,
): Promise<void> {
  const message = `The source takes MONITOR, but showed no command within ${SHOWN_MS / 1000} s.`;
  const nothing = new NaruError('CHANGES_NOT_TOLD', message, { side, node });
  const timer = setTimeout(() => destroy(nothing), SHOWN_MS);
  await marks.passed().finally(() => clearTimeout(timer));
}

/** Makes keys of commands. */
class Commands {
  readonly #keys: CommandKeys;
  readonly #told: Told;
  readonly #asking: RespClient;
  /** names of which the server can't tell the keys */
  readonly #unknown: Set<string> = new Set();
  readonly #questions: Set<Promise<void>> = new Set();

  constructor(keys: CommandKeys, told: Told, asking: RespClient) {
    this.#keys = keys;
    this.#told = told;
    this.#asking = asking;
  }

  told(lineDb: number, view: CommandView, cut: ReadonlySet<number>): void {
    const keys = this.#keys;
    const count = keys.find(view);
    if (count < 0) {
      this.#ask(lineDb, view, cut);
      return;
    }
    if (count === 0) {
      if (keys.changesUnnamed(view)) this.#told.onUnsure(`${view.text(0).toUpperCase()} at the source`);
      return;
    }
    const db = lineDb < 0 || keys.anyDatabase ? undefined : lineDb;
    const positions = keys.positions;
    for (let i = 0; i < count; i++) {
      const at = positions[i] as number;
      if (cut.size > 0 && cut.has(at)) this.#told.onUnsure(`a ${view.text(0)} too large to see all its keys`);
      else this.#told.onDirty(db, view.buf, view.argStart[at] as number, view.argEnd[at] as number);
    }
  }

  /** Every question that was open has its answer. */
  async answered(): Promise<void> {
    await Promise.all([...this.#questions]);
  }

  /** The first argument is the key of nearly all commands; telling one that is none does no harm. The server knows of others. */
  #ask(lineDb: number, view: CommandView, cut: ReadonlySet<number>): void {
    const db = lineDb < 0 ? undefined : lineDb;
    const name = view.text(0).toUpperCase();
    if (view.argc > 1 && !cut.has(1)) {
      this.#told.onDirty(db, view.buf, view.argStart[1] as number, view.argEnd[1] as number);
    }
    if (this.#unknown.has(name)) return;
    if (cut.size > 0 || view.argc > ARGUMENTS_MAX || this.#questions.size >= QUESTIONS_MAX) {
      this.#told.onUnsure(`a ${name} whose keys are not known`);
      return;
    }
    const args = Array.from({ length: view.argc }, (_, i) => view.arg(i));
    const question = this.#keysByServer(name, args, db).finally(() => this.#questions.delete(question));
    this.#questions.add(question);
  }

  async #keysByServer(name: string, args: Buffer[], db: number | undefined): Promise<void> {
    try {
      const reply = await this.#asking.call('COMMAND', 'GETKEYS', ...args);
      if (!Array.isArray(reply)) return;
      for (const key of reply) if (Buffer.isBuffer(key)) this.#told.onDirty(db, key, 0, key.length);
    } catch (error) {
      if (error instanceof ServerError) this.#unknown.add(name);
      // A lost connection ends the session, and then all is unsure.
    }
  }
}
