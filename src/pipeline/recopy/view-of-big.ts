import type { BigCommand } from '../../protocol/resp/big-frame.ts';
import { CommandView } from '../../protocol/resp/command-walker.ts';

const NONE = Buffer.alloc(0);

/** A command that passed by, with those of its arguments that were kept; the others look empty. */
export function viewOfBig({ argc, kept, offset, endOffset }: BigCommand): CommandView {
  const view = new CommandView();
  view.grow(argc);
  view.argc = argc;
  view.offset = offset;
  view.endOffset = endOffset;
  const parts: Buffer[] = [];
  let at = 0;
  for (let index = 0; index < argc; index++) {
    const arg = kept.get(index) ?? NONE;
    view.argStart[index] = at;
    at += arg.length;
    view.argEnd[index] = at;
    if (arg.length > 0) parts.push(arg);
  }
  view.buf = Buffer.concat(parts);
  return view;
}
