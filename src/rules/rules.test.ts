import { describe, expect, it } from 'vitest';
import { RuleError } from './check.ts';
import { matchesGlob } from './glob.ts';
import type { RuleSpec } from './rule.ts';
import { DEPENDS, KEEP, Rules } from './rules.ts';

let count = 0;
const rule = (spec: Partial<RuleSpec>): RuleSpec => ({ name: `r${++count}`, origin: 'test', ...spec });
const decide = (rules: Rules, key: string | Buffer, db = 0, type?: 'set' | 'list'): number => {
  const bytes = Buffer.from(key as string);
  const padded = Buffer.concat([Buffer.from('<<'), bytes, Buffer.from('>>')]);
  return rules.decide(db, padded, 2, 2 + bytes.length, type);
};
const renamed = (rules: Rules, key: string | Buffer): string => {
  const bytes = Buffer.from(key as string);
  return (rules.rename(0, bytes, 0, bytes.length) ?? bytes).toString('latin1');
};

describe('what is kept', () => {
  it('is decided by the first rule that matches', () => {
    const rules = new Rules([
      rule({ prefix: ['user:admin:'], action: 'keep' }),
      rule({ prefix: ['user:', 'tmp:'], suffix: [':old'], action: 'drop' }),
    ]);
    expect(
      ['user:admin:1', 'user:1', 'tmp:', 'a:old', 'old', 'other'].map((key) => decide(rules, key)),
    ).toEqual([KEEP, 1, 1, 1, KEEP, KEEP]);
  });

  it('is the opposite of what the last rule does, where none matches', () => {
    const drop = rule({ prefix: ['tmp:'], action: 'drop' });
    const keep = rule({ suffix: ['1'], action: 'keep' });
    expect(['tmp:1', 'a1', 'b'].map((key) => decide(new Rules([drop, keep]), key))).toEqual([0, KEEP, 2]);
    expect(['tmp:1', 'a1', 'b'].map((key) => decide(new Rules([keep, drop]), key))).toEqual([
      KEEP,
      KEEP,
      KEEP,
    ]);
  });

  it('goes by globs', () => {
    const rules = new Rules([rule({ glob: ['s*:[0-9]?'], action: 'drop' })]);
    expect(['s:1x', 'session:99', 's:1', 's:xx', 'other'].map((key) => decide(rules, key))).toEqual([
      0,
      0,
      KEEP,
      KEEP,
      KEEP,
    ]);
  });

  it('knows databases, slots and types', () => {
    const rules = new Rules([
      rule({ db: [3], action: 'drop' }),
      rule({ type: ['set'], action: 'drop' }),
      // foo is in slot 12182
      rule({ slot: [[0, 12181]], action: 'drop' }),
    ]);
    expect(decide(rules, 'foo', 3)).toBe(0);
    expect(decide(rules, 'foo')).toBe(DEPENDS);
    expect(decide(rules, 'foo', 0, 'set')).toBe(1);
    expect(decide(rules, 'foo', 0, 'list')).toBe(KEEP);
    // hello is in slot 866
    expect(decide(rules, 'hello', 0, 'list')).toBe(2);
  });

  it('is decided over bytes', () => {
    const rules = new Rules([
      rule({ regex: ['^\\xff\\x00+$', '^사용자:\\d+$'], action: 'drop' }),
      rule({ prefix: ['\\x80\\x00'], action: 'drop' }),
    ]);
    expect(decide(rules, Buffer.from([0xff, 0, 0]))).toBe(0);
    expect(decide(rules, Buffer.from([0xff, 1]))).toBe(KEEP);
    expect(decide(rules, '사용자:12')).toBe(0);
    expect(decide(rules, Buffer.from([0x80, 0, 0x41]))).toBe(1);
  });

  it('takes linear time for an expression that others backtrack on', () => {
    const rules = new Rules([rule({ regex: ['^(a+)+$'], action: 'drop' })]);
    const start = process.cpuUsage();
    expect(decide(rules, `${'a'.repeat(50_000)}b`)).toBe(KEEP);
    expect(process.cpuUsage(start).user / 1000).toBeLessThan(5000);
  });

  it('is decided for commands apart', () => {
    const rules = new Rules([rule({ command: ['flushall', 'DEL'], action: 'drop' })]);
    const of = (name: string): number => rules.decideCommand(0, Buffer.from(name), 0, name.length);
    expect([of('FlushAll'), of('del'), of('SET'), decide(rules, 'any')]).toEqual([0, 0, KEEP, KEEP]);
  });
});

describe('a glob', () => {
  it.each([
    ['', '', true],
    ['*', '', true],
    ['a*b*c', 'aXbYbZc', true],
    ['a*b*c', 'aXbY', false],
    ['[^a-c]x', 'dx', true],
    ['[^a-c]x', 'bx', false],
    ['a\\*', 'a*', true],
    ['a\\*', 'ab', false],
    ['[ab', 'a', true],
    ['?', '', false],
  ])('%s against %s: %s', (glob, text, matches) => {
    expect(matchesGlob(Buffer.from(glob), Buffer.from(text), 0, text.length)).toBe(matches);
  });
});

describe('names', () => {
  it('are changed by the first rule that does so', () => {
    const rules = new Rules([
      rule({ rename: { prefix: 'old:', to: 'new:' } }),
      // biome-ignore lint/suspicious/noTemplateCurlyInString: a group's name
      rule({ rename: { regex: '^u(?P<id>\\d+)-(.)', to: '$2/${id}$$' } }),
    ]);
    expect(['old:1', 'u12-xyz', 'other', 'xold:'].map((key) => renamed(rules, key))).toEqual([
      'new:1',
      'x/12$yz',
      'other',
      'xold:',
    ]);
    expect(
      renamed(new Rules([rule({ rename: { regex: '\\xff', to: 'é\\xfe' } })]), Buffer.from([1, 0xff, 2])),
    ).toBe('\x01\xc3\xa9\xfe\x02');
    expect(rules.counters.list.map(({ renamed }) => renamed)).toEqual([1, 1]);
  });

  it('tell which keys of the target are from the source', () => {
    const rules = new Rules([
      rule({ prefix: ['user:'], db: [0, 3], action: 'keep' }),
      rule({ rename: { prefix: 'user:', to: 'u:' } }),
      rule({ db: [3], toDb: 1 }),
    ]);
    const covers = (db: number, name: string, ofDb?: number) => rules.covers(db, Buffer.from(name), ofDb);
    expect([covers(0, 'u:1'), covers(1, 'u:1'), covers(3, 'u:1')]).toEqual([true, true, false]);
    expect([covers(0, 'user:1'), covers(0, 'other'), covers(1, 'u:1', 0), covers(1, 'u:1', 3)]).toEqual([
      false,
      false,
      false,
      true,
    ]);
    expect(new Rules([rule({ rename: { regex: 'a', to: 'b' } })]).covers(0, Buffer.from('b'), 0)).toBe(
      undefined,
    );
  });
});

describe('expiries', () => {
  it('are moved, then bounded', () => {
    const expiry = (ttl: RuleSpec['ttl'], left: number): number => {
      const rules = new Rules([rule({ prefix: ['k'], ttl })]);
      return rules.expiry(0, Buffer.from('k'), 0, 1, 1000 + left, 1000) - 1000;
    };
    expect(expiry({ addMs: 50 }, 10)).toBe(60);
    expect(expiry({ addMs: 50, maxMs: 30 }, 10)).toBe(30);
    expect(expiry({ minMs: 100 }, 10)).toBe(100);
    expect(expiry({ drop: true }, 10)).toBe(-1001);
    expect(new Rules([rule({ ttl: { minMs: 5 } })]).expiry(0, Buffer.from('k'), 0, 1, -1, 1000)).toBe(-1);
  });
});

describe('rules that can not be meant', () => {
  it.each<[string, Partial<RuleSpec>[]]>([
    ['exactly one of', [{ prefix: ['a'] }]],
    ['exactly one of', [{ prefix: ['a'], action: 'drop', toDb: 1 }]],
    [
      'has this name',
      [
        { name: 'x', prefix: ['a'], action: 'drop' },
        { name: 'x', prefix: ['b'], action: 'drop' },
      ],
    ],
    ['no regular expression', [{ regex: ['('], action: 'drop' }]],
    ['no regular expression', [{ regex: ['(?=x)'], action: 'drop' }]],
    ['keys are bytes', [{ regex: ['[가나]'], action: 'drop' }]],
    ['names the group 2', [{ rename: { regex: '(a)', to: '$2' } }]],
    // biome-ignore lint/suspicious/noTemplateCurlyInString: a group's name
    ['names the group id', [{ rename: { regex: '(a)', to: '${id}' } }]],
    ['stands for itself', [{ rename: { regex: '(a)', to: 'a$' } }]],
    ['same name', [{ rename: { prefix: 'a', to: 'a' } }]],
    [
      'never applies',
      [
        { prefix: ['a'], action: 'drop' },
        { prefix: ['ab'], action: 'keep' },
      ],
    ],
    [
      'never applies',
      [
        { db: [1, 2], action: 'drop' },
        { db: [2], prefix: ['x'], action: 'keep' },
      ],
    ],
    ['never applies', [{ rename: { prefix: 'a', to: 'b' } }, { rename: { prefix: 'ab', to: 'c' } }]],
    ['drops everything', [{ action: 'drop' }]],
    ['empty list', [{ prefix: [], action: 'keep' }]],
    ['min is more than max', [{ ttl: { minMs: 2, maxMs: 1 } }]],
    ['and change them too', [{ ttl: { drop: true, maxMs: 1 } }]],
    [
      'is mapped by',
      [
        { db: [1], toDb: 0 },
        { db: [1], toDb: 2 },
      ],
    ],
    [
      'drops it',
      [
        { db: [1], action: 'drop' },
        { db: [1], toDb: 2 },
      ],
    ],
    ['type of a key is not known', [{ type: ['set'], rename: { prefix: 'a', to: 'b' } }]],
    ['knows nothing of keys', [{ command: ['DEL'], prefix: ['a'], action: 'drop' }]],
    ['whole databases', [{ db: [1], prefix: ['a'], toDb: 2 }]],
  ])('%s: %j', (message, specs) => {
    expect(() => new Rules(specs.map(rule))).toThrow(RuleError);
    expect(() => new Rules(specs.map(rule))).toThrow(message);
  });
});
