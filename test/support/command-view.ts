import { CommandView } from '../../src/protocol/resp/command-walker.ts';
import type { Arg } from './resp-client.ts';

/** The command as a decoder would show it, in the midst of other bytes. */
export function viewOf(...args: Arg[]): CommandView {
  const view = new CommandView();
  view.grow(args.length);
  view.argc = args.length;
  const parts: Buffer[] = [Buffer.from('*')];
  let at = 1;
  args.forEach((arg, index) => {
    const bytes = Buffer.isBuffer(arg) ? arg : Buffer.from(String(arg));
    view.argStart[index] = at;
    view.argEnd[index] = at + bytes.length;
    parts.push(bytes, Buffer.from('\r\n'));
    at += bytes.length + 2;
  });
  view.buf = Buffer.concat(parts);
  view.frameEnd = view.buf.length;
  return view;
}
