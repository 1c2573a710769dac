import { CommandView } from '../protocol/resp/command-walker.ts';

/**
 * What a target before Redis 6.2 is told instead, which does the same:
 *
 *     FLUSHALL ASYNC, FLUSHDB SYNC -> FLUSHALL, FLUSHDB      ASYNC came with 4.0, SYNC with 6.2
 *     UNLINK key ...               -> DEL key ...            UNLINK of a stream whose last group was destroyed ends a server of 5.0, 6.0.7 and later,
 *                                                            and 6.2.0 to 6.2.3 (lazyfree.c, lazyfreeGetFreeEffort)
 */
export class OlderWords {
  readonly #view = new CommandView();

  /** Valid until the next call. */
  flush(command: CommandView): CommandView {
    return command.argc === 1 ? command : this.#renamed(command, command.text(0), 1);
  }

  /** Of DEL and UNLINK; valid until the next call. */
  removal(command: CommandView): CommandView {
    const isDel = (command.argEnd[0] as number) - (command.argStart[0] as number) === 3;
    return isDel ? command : this.#renamed(command, 'DEL', command.argc);
  }

  /** With another name, and the first `argc` arguments. */
  #renamed(command: CommandView, name: string, argc: number): CommandView {
    const view = this.#view;
    const head = Buffer.from(`*${argc}\r\n$${name.length}\r\n${name}`);
    const from = command.argEnd[0] as number;
    const to = (command.argEnd[argc - 1] as number) + 2;
    view.buf = Buffer.concat([head, command.buf.subarray(from, to)]);
    view.frameEnd = view.buf.length;
    view.argc = argc;
    view.grow(argc);
    view.argStart[0] = head.length - name.length;
    view.argEnd[0] = head.length;
    const moved = head.length - from;
    for (let index = 1; index < argc; index++) {
      view.argStart[index] = (command.argStart[index] as number) + moved;
      view.argEnd[index] = (command.argEnd[index] as number) + moved;
    }
    view.offset = command.offset;
    view.endOffset = command.endOffset;
    return view;
  }
}
