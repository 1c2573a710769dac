import { describe, expect, it } from 'vitest';
import { NaruError } from '../../errors/errors.ts';
import { ReplyScanner } from '../../protocol/resp/reply-scanner.ts';
import { InFlight, Kind } from './in-flight.ts';
import { LaneReplies } from './lane-replies.ts';

interface Seen {
  refused: [offset: number, text: string][];
  modules: number[];
  committed: [skipped: number, lost: number][];
  error: NaruError | undefined;
}

/** What comes of these replies to commands of these kinds; each command's offset is its index. */
function seen(kinds: readonly Kind[], replies: readonly string[], skipExisting = false): Seen {
  const inFlight = new InFlight();
  for (const [i, kind] of kinds.entries()) inFlight.push(kind, 1, i, 0);
  const result: Seen = { refused: [], modules: [], committed: [], error: undefined };
  const sink = new LaneReplies(inFlight, {
    node: 'n',
    skipExisting,
    moduleRefused: (offset) => result.modules.push(offset),
    commandRefused: (offset, text) => result.refused.push([offset, text.replace(/^.*stream: /, '')]),
    onCommitted: (skipped, lost) => result.committed.push([skipped, lost]),
  });
  const bytes = Buffer.from(replies.map((reply) => `${reply}\r\n`).join(''));
  try {
    new ReplyScanner(sink).write(bytes, 0, bytes.length);
  } catch (error) {
    if (!(error instanceof NaruError)) throw error;
    result.error = error;
  }
  return result;
}

const {
  CONTROL,
  COMMAND,
  CHECKPOINT,
  EXEC,
  ENTRY,
  MODULE_ENTRY,
  RECOPY,
  RENAME_NEW,
  RENAME_EXPIRING,
  FUNCTION,
} = Kind;
const TRANSACTION: readonly Kind[] = [CONTROL, COMMAND, COMMAND, COMMAND, CONTROL, EXEC];
const QUEUED = ['+OK', '+QUEUED', '+QUEUED', '+QUEUED', '+QUEUED'];

describe('the replies of a transaction', () => {
  it('are the results inside of EXEC', () => {
    const { committed, error, refused } = seen(TRANSACTION, [
      ...QUEUED,
      '*4\r\n:1\r\n*2\r\n:1\r\n+x\r\n$1\r\na\r\n+OK',
    ]);
    expect([committed, refused, error]).toEqual([[[0, 0]], [], undefined]);
  });

  it('name all commands that were refused inside of EXEC, and are no commit', () => {
    const { committed, refused, error } = seen(TRANSACTION, [
      ...QUEUED,
      '*4\r\n-WRONGTYPE a\r\n+OK\r\n-ERR syntax error\r\n+OK',
    ]);
    expect(refused).toEqual([
      [1, 'WRONGTYPE a'],
      [3, 'ERR syntax error'],
    ]);
    expect(committed).toEqual([]);
    expect(error).toMatchObject({ code: 'COMMAND_REFUSED', place: { offset: 1, side: 'target', node: 'n' } });
  });

  it('name all commands that were refused when they were queued', () => {
    const { committed, refused, error } = seen(TRANSACTION, [
      '+OK',
      '-ERR unknown command a',
      '+QUEUED',
      '-ERR wrong number of arguments',
      '+QUEUED',
      '-EXECABORT Transaction discarded because of previous errors.',
    ]);
    expect(refused.map(([offset]) => offset)).toEqual([1, 3]);
    expect(committed).toEqual([]);
    expect(error).toMatchObject({ code: 'COMMAND_REFUSED', place: { offset: 1 } });
  });

  it('end at once where not the command is refused', () => {
    const { refused, error } = seen(TRANSACTION, ['+OK', '+QUEUED', '-OOM command not allowed']);
    expect([refused, error?.code]).toEqual([[], 'TARGET_OUT_OF_MEMORY']);
    const moved = seen([CONTROL, COMMAND, EXEC], ['+OK', '-READONLY no', '-EXECABORT x']);
    expect(moved.error?.code).toBe('TARGET_UNAVAILABLE');
  });

  it('may be an array inside of a result, whose errors are its own', () => {
    const { refused, error } = seen([COMMAND], ['*2\r\n+OK\r\n-ERR in a script']);
    expect([refused, error]).toEqual([[], undefined]);
  });

  it('are not there when nothing was asked for', () => {
    expect(seen([], ['+OK']).error?.code).toBe('INTERNAL');
    expect(seen([CONTROL, EXEC], ['+OK', '$-1']).error?.code).toBe('INTERNAL');
  });

  it('may come before a command is sent whole: the server takes none of it', () => {
    const { error } = seen([CONTROL], ['+OK', '-ERR Protocol error: invalid bulk length']);
    expect(error).toMatchObject({ code: 'TARGET_REJECTED' });
    expect(error?.message).toBe(
      'The target refused what it was sent: ERR Protocol error: invalid bulk length',
    );
  });
});

describe('what exists in the target', () => {
  it.each([
    [ENTRY, '-BUSYKEY Target key name already exists.'],
    [MODULE_ENTRY, '-BUSYKEY Target key name already exists.'],
    [RENAME_NEW, ':0'],
    [RENAME_EXPIRING, ':0'],
  ])('is passed over, or ends the run (kind %i)', (kind, reply) => {
    expect(seen([kind, CHECKPOINT], [reply, '+OK'], true).committed).toEqual([[1, 0]]);
    expect(seen([kind], [reply]).error).toMatchObject({ code: 'KEY_EXISTS', place: { offset: 0 } });
  });

  it('may be a function library', () => {
    const reply = '-ERR Library lib already exists';
    expect(seen([FUNCTION, CHECKPOINT], [reply, '+OK'], true).committed).toEqual([[0, 0]]);
    expect(seen([FUNCTION], [reply]).error?.code).toBe('KEY_EXISTS');
  });

  it('may be gone before it has its name', () => {
    expect(seen([RENAME_EXPIRING, CHECKPOINT], ['-ERR no such key', '+OK']).committed).toEqual([[0, 0]]);
    expect(seen([RENAME_NEW], ['-ERR no such key']).error?.code).toBe('TARGET_REJECTED');
  });
});

describe('values of modules', () => {
  it('that the target does not know are told of, and counted as lost in the snapshot', () => {
    const { modules, committed } = seen(
      [MODULE_ENTRY, MODULE_ENTRY, CHECKPOINT, MODULE_ENTRY, CHECKPOINT],
      ['-ERR Bad data format', '+OK', '+OK', '+OK', '+OK'],
    );
    expect(modules).toEqual([0]);
    expect(committed).toEqual([
      [0, 1],
      [0, 0],
    ]);
  });

  it('that are copied again are told of', () => {
    const { modules, committed } = seen(
      [CONTROL, RECOPY, CONTROL, EXEC],
      ['+OK', '+QUEUED', '+QUEUED', '*2\r\n-ERR Bad data format\r\n+OK'],
    );
    expect([modules, committed]).toEqual([[1], [[0, 0]]]);
  });

  it('are the only ones that may be of a bad format', () => {
    expect(seen([ENTRY], ['-ERR Bad data format']).error?.code).toBe('TARGET_TOO_OLD');
    expect(seen([MODULE_ENTRY], ['-ERR something else']).error?.code).toBe('TARGET_REJECTED');
  });
});
