import { describe, expect, it } from 'vitest';
import { viewOf } from '../../test/support/command-view.ts';
import type { CommandView } from '../protocol/resp/command-walker.ts';
import { OlderWords } from './older-words.ts';

/** The frame, and the arguments where the view says that they are. */
function shown(view: CommandView): [frame: string, args: string] {
  const frame = view.buf.toString('latin1', view.frameStart, view.frameEnd);
  return [frame, Array.from({ length: view.argc }, (_, i) => view.text(i)).join(' ')];
}

function commandOf(...args: string[]): CommandView {
  const frame = Buffer.from(
    `+OK\r\n*${args.length}\r\n${args.map((arg) => `$${arg.length}\r\n${arg}\r\n`).join('')}$`,
  );
  const view = viewOf(...args);
  view.buf = frame;
  view.frameStart = 5;
  view.frameEnd = frame.length - 1;
  let at = frame.indexOf('$');
  args.forEach((arg, index) => {
    at = frame.indexOf('\n', at) + 1;
    view.argStart[index] = at;
    at += arg.length;
    view.argEnd[index] = at;
    at += 2;
  });
  return Object.assign(view, { offset: 7, endOffset: 70 });
}

describe('older words', () => {
  it('say DEL for UNLINK', () => {
    const view = new OlderWords().removal(commandOf('unlink', 'a', 'key of 12 by'));
    expect(shown(view)).toEqual([
      '*3\r\n$3\r\nDEL\r\n$1\r\na\r\n$12\r\nkey of 12 by\r\n',
      'DEL a key of 12 by',
    ]);
    expect([view.offset, view.endOffset]).toEqual([7, 70]);
  });

  it('have no word for how to flush', () => {
    const older = new OlderWords();
    expect(shown(older.flush(commandOf('FLUSHALL', 'ASYNC')))).toEqual([
      '*1\r\n$8\r\nFLUSHALL\r\n',
      'FLUSHALL',
    ]);
    expect(shown(older.flush(commandOf('flushdb', 'sync')))).toEqual(['*1\r\n$7\r\nflushdb\r\n', 'flushdb']);
  });

  it('leave what is old already', () => {
    const older = new OlderWords();
    for (const command of [commandOf('DEL', 'a'), commandOf('FLUSHALL')]) {
      expect(older.removal(commandOf('DEL', 'a')).text(0)).toBe('DEL');
      expect(command.argc === 1 ? older.flush(command) : older.removal(command)).toBe(command);
    }
  });

  it('may be many', () => {
    const keys = Array.from({ length: 500 }, (_, i) => `k${i}`);
    expect(shown(new OlderWords().removal(commandOf('UNLINK', ...keys)))[1]).toBe(`DEL ${keys.join(' ')}`);
  });
});
