import { describe, expect, it } from 'vitest';
import { viewOf } from '../../../test/support/command-view.ts';
import type { Reply } from '../../protocol/resp/reply.ts';
import type { CommandSpec } from './command-spec.ts';
import { KeyTable } from './key-table.ts';
import { writeNotation } from './notation.ts';

const bulk = (text: string): Buffer => Buffer.from(text);

/** An entry as servers before 7.0 have it, and with key specs as later ones do. */
const entry = (name: string, arity: number, flags: string[], range: number[], ...more: Reply[]): Reply =>
  more.length === 0
    ? [bulk(name), arity, flags, ...range, ['@write']]
    : [bulk(name), arity, flags, ...range, [], [], ...more];

const index = (at: number): Reply => [bulk('type'), bulk('index'), bulk('spec'), [bulk('index'), at]];
const range = (last: number, step: number, limit: number): Reply => [
  bulk('type'),
  bulk('range'),
  bulk('spec'),
  [bulk('lastkey'), last, bulk('keystep'), step, bulk('limit'), limit],
];
const spec = (flags: string[], begin: Reply, find: Reply): Reply => [
  bulk('notes'),
  bulk('a note'),
  bulk('flags'),
  flags,
  bulk('begin_search'),
  begin,
  bulk('find_keys'),
  find,
];
const UNKNOWN: Reply = [bulk('type'), bulk('unknown'), bulk('spec'), []];

const lines = (...entries: Reply[]): string[] => KeyTable.from(entries).commands().flatMap(writeNotation);

describe('KeyTable.from', () => {
  it('reads key specs', () => {
    const keyword: Reply = ['type', 'keyword', 'spec', ['keyword', 'streams', 'startfrom', -2]];
    const keynum: Reply = ['type', 'keynum', 'spec', ['keynumidx', 2, 'firstkey', 4, 'keystep', 3]];
    const specs = [
      spec(['RW', 'access'], index(2), range(-1, 2, 0)),
      spec(['OW'], keyword, range(-1, 1, 2)),
      spec(['RO', 'not_key'], index(1), range(0, 1, 0)),
      spec(['RM'], index(1), keynum),
      spec(['insert'], index(5), range(0, 1, 0)),
    ];
    expect(
      lines(entry('mod.do', -3, ['write', 'module', 'no_mandatory_keys'], [1, 1, 1], specs, [])),
    ).toEqual(['MOD.DO -3 wo RW2..-1/2 W:STREAMS@-2..-1%2 W1#2,4/3 RW5']);
  });

  it('does not trust specs that are not all there is to say', () => {
    const one = spec(['RW'], index(1), range(0, 1, 0));
    const of = (...specs: Reply[]): Reply => entry('m.x', -2, ['write', 'module'], [1, 1, 1], specs, []);
    expect(lines(of(one))).toEqual(['M.X -2 w RW1']);
    expect(lines(of(one, spec(['RO', 'incomplete'], index(2), range(0, 1, 0))))).toEqual(['M.X -2 w ?']);
    expect(lines(of(one, spec(['RO'], UNKNOWN, UNKNOWN)))).toEqual(['M.X -2 w ?']);
    expect(lines(of(spec(['RW', 'variable_flags'], index(1), range(0, 1, 0))))).toEqual(['M.X -2 w ?']);
    expect(lines(of(spec(['RW'], index(1), range(0, 0, 0))))).toEqual(['M.X -2 w ?']);
    expect(lines(of(spec(['RW'], index(0), range(0, 1, 0))))).toEqual(['M.X -2 w ?']);
    const keynum: Reply = ['type', 'keynum', 'spec', ['keynumidx', -1, 'firstkey', 1, 'keystep', 1]];
    expect(lines(of(spec(['RW'], index(3), keynum)))).toEqual(['M.X -2 w ?']);
    expect(lines(of('nonsense'))).toEqual(['M.X -2 w ?']);
    expect(lines(entry('m.y', -2, ['write', 'module', 'movablekeys'], [0, 0, 0], [], []))).toEqual([
      'M.Y -2 w ?',
    ]);
  });

  it('takes a write command to write something', () => {
    const only = [spec(['RO', 'access'], index(1), range(0, 1, 0))];
    expect(lines(entry('x', 2, ['write'], [1, 1, 1], only, []))).toEqual(['X 2 w RW1']);
    expect(lines(entry('x', 2, ['readonly'], [1, 1, 1], only, []))).toEqual(['X 2 r R1']);
  });

  it('knows the commands of servers that tell of no key specs', () => {
    expect(
      lines(
        entry('zunionstore', -4, ['write', 'movablekeys'], [0, 0, 0]),
        entry('eval', -3, ['noscript', 'movablekeys'], [0, 0, 0]),
        entry('sunionstore', -3, ['write'], [1, -1, 1]),
        entry('lpop', 2, ['write'], [1, 1, 1]),
        entry('xgroup', -2, ['write'], [2, 2, 1]),
        entry('select', 2, ['loading'], [0, 0, 0]),
        entry('blpop', -3, ['write'], [1, -2, 1]),
      ),
    ).toEqual([
      'ZUNIONSTORE -4 w W1 R2#',
      'EVAL -3 -o RW2#',
      'SUNIONSTORE -3 w W1 R2..-1',
      'LPOP 2 w RW1',
      'XGROUP -2 w RW2',
      'SELECT 2 -',
      'BLPOP -3 w RW1..-2',
    ]);
  });

  it('takes what such a server says of a module, and no more', () => {
    expect(
      lines(
        entry('m.set', -3, ['write', 'module'], [1, -1, 2]),
        entry('m.copy', 3, ['write', 'module'], [1, 2, 1]),
        entry('m.get', 2, ['readonly', 'module'], [1, 1, 1]),
        entry('m.run', -1, ['module'], [2, 2, 1]),
        entry('m.any', -1, ['write', 'module', 'movablekeys'], [1, 1, 1]),
        entry('del', -2, ['write', 'module'], [2, 2, 1]),
        entry('m.none', -1, ['write', 'module'], [0, 0, 0]),
        entry('m.odd', -1, ['write', 'module'], [1, 1, 0]),
      ),
    ).toEqual([
      'M.SET -3 w RW1..-1/2',
      'M.COPY 3 w RW1..1',
      'M.GET 2 r R1',
      'M.RUN -1 - RW2',
      'M.ANY -1 w ?',
      'DEL -2 w RW2',
      'M.NONE -1 w',
      'M.ODD -1 w ?',
    ]);
  });

  it('leaves out what is no command', () => {
    for (const reply of [null, 'OK', 0, [], [null, [], ['x'], [bulk('x')], [7, 1, []], bulk('x')]] as Reply[])
      expect(KeyTable.from(reply).size).toBe(0);
  });

  it('has room for what a hostile name may be', () => {
    const long = 'y'.repeat(200);
    const table = KeyTable.from([entry('x', 1, [], [0, 0, 0]), entry(long, 1, [], [0, 0, 0])]);
    expect(table.lookup(viewOf('X'))?.name).toBe('X');
    expect(table.lookup(viewOf(long.toUpperCase()))?.arity).toBe(1);
    for (const name of ['', 'xx', `${long}y`, Buffer.alloc(1_000_000, 'y')])
      expect(table.lookup(viewOf(name))).toBeUndefined();
  });
});

describe('KeyTable', () => {
  const table = KeyTable.builtIn();
  const name = (...args: string[]): string | undefined => table.lookup(viewOf(...args))?.name;

  it('finds subcommands by the second argument', () => {
    expect(name('xgroup', 'Create', 'k')).toBe('XGROUP|CREATE');
    expect(name('FUNCTION', 'LOAD', 'x')).toBe('FUNCTION|LOAD');
    expect(name('XGROUP', 'NOSUCH', 'k')).toBeUndefined();
    expect(name('XGROUP')).toBe('XGROUP');
    expect(name('CREATE', 'k')).toBeUndefined();
    expect(name('set', 'create')).toBe('SET');
  });

  it('accepts what has a name and as many arguments as it needs', () => {
    const accepts = (...args: string[]): boolean => table.accepts(viewOf(...args));
    expect([accepts('GET', 'k'), accepts('GET'), accepts('GET', 'k', 'k')]).toEqual([true, false, false]);
    expect([accepts('DEL', 'k'), accepts('DEL'), accepts('DEL', 'k', 'k')]).toEqual([true, false, true]);
    expect([accepts('XGROUP', 'DESTROY', 'k', 'g'), accepts('XGROUP', 'DESTROY', 'k')]).toEqual([
      true,
      false,
    ]);
    expect([accepts('NOSUCH', 'k'), accepts('XGROUP'), accepts('XGROUP', 'X')]).toEqual([
      false,
      false,
      false,
    ]);
  });

  it('says which commands write', () => {
    const write = (text: string): CommandSpec['write'] | undefined => table.lookup(viewOf(text))?.write;
    expect([write('SET'), write('GET'), write('EVAL'), write('FLUSHALL')]).toEqual([
      true,
      false,
      false,
      true,
    ]);
    expect(table.lookup(viewOf('GET'))?.readonly).toBe(true);
  });
});

describe('one table beside another', () => {
  const table = (...entries: Reply[]): KeyTable => KeyTable.from(entries);
  const write = (name: string, arity: number): Reply => entry(name, arity, ['write'], [1, 1, 1]);
  const covers = (own: Reply[], other: Reply[]): boolean => table(...own).covers(table(...other));

  it('covers it where it takes all its write commands, with each count of arguments', () => {
    expect(covers([write('x', 2)], [write('x', 2)])).toBe(true);
    expect(covers([write('x', -2)], [write('x', 2)])).toBe(true);
    expect(covers([write('x', -2)], [write('x', -3)])).toBe(true);
    expect(covers([write('x', 2), write('y', 2)], [write('x', 2)])).toBe(true);
    expect(covers([write('x', 2)], [write('x', -2)])).toBe(false);
    expect(covers([write('x', -3)], [write('x', 2)])).toBe(false);
    expect(covers([write('x', 2)], [write('x', 2), write('y', 2)])).toBe(false);
  });

  it('needs no commands that only read', () => {
    expect(covers([], [entry('get', 2, ['readonly'], [1, 1, 1])])).toBe(true);
  });

  it('covers subcommands where both tell of theirs', () => {
    const all = KeyTable.builtIn();
    expect(all.covers(all)).toBe(true);
    const group = (...subcommands: string[]): Reply => {
      const specs = [spec(['RW'], index(2), range(0, 1, 0))];
      const inner = subcommands.map((name) => entry(`xgroup|${name}`, -4, ['write'], [2, 2, 1], specs, []));
      return entry('xgroup', -2, ['write'], [0, 0, 0], [], inner);
    };
    expect(covers([group('create', 'destroy')], [group('create')])).toBe(true);
    expect(covers([group('create')], [group('create', 'destroy')])).toBe(false);
    expect(covers([write('xgroup', -2)], [group('create')])).toBe(true);
  });

  it('tells of a name, and can be cut down to some', () => {
    const some = KeyTable.builtIn().only(['SET', 'XGROUP', 'NOSUCH']);
    expect([some.has('SET'), some.has('XGROUP'), some.has('GET'), some.has('NOSUCH')]).toEqual([
      true,
      true,
      false,
      false,
    ]);
    expect(some.size).toBe(2);
    expect(some.covers(KeyTable.builtIn())).toBe(false);
    expect(KeyTable.builtIn().covers(some)).toBe(true);
  });
});
