import { beforeEach, describe, expect, it } from 'vitest';
import { viewOf } from '../../../test/support/command-view.ts';
import { isNaruError, NaruError } from '../../errors/errors.ts';
import { actionOf } from '../command-table.ts';
import { KeyFinder } from '../keys/key-finder.ts';
import { KeyTable } from '../keys/key-table.ts';
import type { KeyPlace, KeyValue } from './held-keys.ts';
import { NewerForms } from './newer-forms.ts';
import { Recopier } from './recopier.ts';
import type { RecopierOptions } from './recopier-options.ts';

/** A source whose answers are the test's: each question waits for the next of them. */
class ScriptedReader {
  readonly asked: string[][] = [];
  /** where the source stands when it is asked */
  until = 0;
  elsewhere = new Set<string>();
  error: NaruError | undefined;

  async read(keys: readonly KeyPlace[]): Promise<{ values: (KeyValue | undefined)[]; until: number }> {
    if (this.error !== undefined) throw this.error;
    this.asked.push(keys.map(({ db, key }) => `${db}:${key}`));
    const values = keys.map(({ key }) =>
      this.elsewhere.has(key.toString())
        ? undefined
        : { payload: Buffer.from(`value of ${key}`), expireAtMs: -1 },
    );
    return { values, until: this.until };
  }

  keysOf(args: readonly Buffer[]): Promise<Buffer[]> {
    return Promise.resolve(args.slice(1, 2));
  }
}

const all = KeyTable.builtIn();
/** Redis 6.0, as far as it matters here. */
const old = all.only(all.commands().flatMap(({ name }) => (/^(LMOVE|LMPOP|COPY)$/.test(name) ? [] : [name])));
const readable = { redis: 9, valkey: false };

let reader: ScriptedReader;
let keyless: string[];
let elsewhere: string[];
beforeEach(() => {
  reader = new ScriptedReader();
  keyless = [];
  elsewhere = [];
});

function make(options: Partial<RecopierOptions> = {}): Recopier {
  return new Recopier({
    source: all,
    keys: new KeyFinder(all),
    target: old,
    newer: new NewerForms(700, 600, readable),
    reader,
    keyless: (command) => keyless.push(command.text(0)),
    onElsewhere: (key) => elsewhere.push(key.toString()),
    ...options,
  });
}

/** Whether the command at an offset is taken. */
function takes(recopier: Recopier, offset: number, text: string, db = 0): boolean {
  const view = viewOf(...text.split(' '));
  view.offset = offset;
  view.endOffset = offset + 1;
  return recopier.takes(view, db, actionOf(view.buf, view.argStart[0] as number, view.argEnd[0] as number));
}

/** The stream has come to `offset`: what is written there. */
function settled(recopier: Recopier, offset: number): string[] {
  const written: string[] = [];
  recopier.settle(offset, false, ({ db, key }) => written.push(`${db}:${key}`));
  return written;
}

async function readAt(recopier: Recopier, until: number): Promise<void> {
  reader.until = until;
  await recopier.read();
}

describe('what a target does not know', () => {
  it('is held, read with its position, and written when the stream is there', async () => {
    const recopier = make();
    expect(takes(recopier, 10, 'LMOVE a b LEFT RIGHT')).toBe(true);
    expect([recopier.held, recopier.wantsToRead, recopier.rightTo]).toEqual([2, true, 10]);
    expect(recopier.neededTo).toBe(Number.POSITIVE_INFINITY);
    await readAt(recopier, 30);
    expect(reader.asked).toEqual([['0:a', '0:b']]);
    expect([recopier.wantsToRead, recopier.neededTo]).toEqual([false, 30]);
    expect(settled(recopier, 29)).toEqual([]);
    expect(settled(recopier, 30)).toEqual(['0:a', '0:b']);
    expect([recopier.held, recopier.rightTo]).toEqual([0, 10]);
    recopier.acked(30, 30, true);
    expect(recopier.rightTo).toBe(Number.POSITIVE_INFINITY);
    expect(takes(recopier, 31, 'RPUSH a x')).toBe(false);
  });

  it('brings what reads it or writes it with it, and nothing else', async () => {
    const recopier = make();
    takes(recopier, 10, 'LMOVE a b LEFT RIGHT');
    expect(takes(recopier, 11, 'RPUSH a x')).toBe(true);
    expect(takes(recopier, 12, 'RENAME a c')).toBe(true);
    expect(takes(recopier, 13, 'SUNIONSTORE d c e')).toBe(true);
    expect(takes(recopier, 14, 'SUNIONSTORE f e g')).toBe(false);
    expect(takes(recopier, 15, 'RPUSH a x', 1)).toBe(false);
    expect(takes(recopier, 16, 'SORT g BY w_* STORE sorted')).toBe(true);
    await readAt(recopier, 20);
    expect(reader.asked).toEqual([['0:a', '0:b', '0:c', '0:d', '0:sorted']]);
  });

  it('is held in the other database that it reaches', async () => {
    const recopier = make();
    expect(takes(recopier, 10, 'COPY a b DB 3')).toBe(true);
    expect(takes(recopier, 11, 'RPUSH b x', 3)).toBe(true);
    expect(takes(recopier, 12, 'RPUSH a x')).toBe(false);
    await readAt(recopier, 20);
    expect(reader.asked).toEqual([['0:b', '3:b']]);
  });

  it('goes by its options too', () => {
    const recopier = make();
    expect(takes(recopier, 10, 'ZADD z 1 a')).toBe(false);
    expect(takes(recopier, 11, 'ZADD z GT 1 a')).toBe(true);
    expect(takes(recopier, 12, 'ZADD other 1 a')).toBe(false);
  });

  it('without keys is told of', () => {
    const recopier = make({ target: old.only(['SET']) });
    expect(takes(recopier, 10, 'FUNCTION FLUSH')).toBe(true);
    expect(keyless).toEqual(['FUNCTION']);
  });

  it('has its keys found by the source where no table knows it; until then all is held', async () => {
    const recopier = make();
    expect(takes(recopier, 10, 'MODULE.DO m')).toBe(true);
    expect([recopier.rightTo, recopier.held]).toEqual([10, 1]);
    expect(takes(recopier, 11, 'RPUSH a x')).toBe(true);
    await readAt(recopier, 20);
    expect(reader.asked).toEqual([['0:a', '0:m']]);
    expect(settled(recopier, 20)).toEqual(['0:a', '0:m']);
    expect(takes(recopier, 21, 'RPUSH a x')).toBe(false);
  });

  it('is asked for 64 keys at a time', async () => {
    const recopier = make();
    for (let i = 0; i < 100; i++) takes(recopier, i, `ZADD z${i} GT 1 a`);
    await readAt(recopier, 200);
    expect(reader.asked.map((keys) => keys.length)).toEqual([64, 36]);
  });

  it('is asked for in groups, of what may be written now', async () => {
    const recopier = make({ groupOf: (key) => key[0] as number, mayWrite: ({ key }) => key[0] !== 0x62 });
    for (const [i, key] of ['a1', 'b1', 'c1', 'a2'].entries()) takes(recopier, i, `ZADD ${key} GT 1 m`);
    await readAt(recopier, 10);
    expect(reader.asked).toEqual([['0:a1', '0:a2'], ['0:c1']]);
    expect(recopier.wantsToRead).toBe(false);
    recopier.unblock();
    expect(recopier.wantsToRead).toBe(true);
  });

  it('is let go of where another source has it', async () => {
    const recopier = make();
    reader.elsewhere.add('a');
    takes(recopier, 10, 'LMOVE a b LEFT RIGHT');
    await readAt(recopier, 20);
    expect(elsewhere).toEqual(['a']);
    expect(settled(recopier, 20)).toEqual(['0:b']);
    expect(recopier.held).toBe(0);
  });

  it('stays held when the source can not be asked', async () => {
    const recopier = make();
    takes(recopier, 10, 'LMOVE a b LEFT RIGHT');
    reader.error = new NaruError('GAVE_UP', 'no answer');
    await expect(recopier.read()).rejects.toSatisfy(isNaruError);
    reader.error = undefined;
    expect([recopier.held, recopier.wantsToRead]).toEqual([2, true]);
    await readAt(recopier, 20);
    expect(settled(recopier, 20)).toEqual(['0:a', '0:b']);
  });

  it('is held again when the target goes back to before it', async () => {
    const recopier = make();
    takes(recopier, 10, 'LMOVE a b LEFT RIGHT');
    await readAt(recopier, 20);
    settled(recopier, 20);
    recopier.restart(15, 15);
    expect(takes(recopier, 15, 'RPUSH a x')).toBe(true);
    expect(settled(recopier, 20)).toEqual(['0:a', '0:b']);
    recopier.acked(21, 21, false);
    recopier.restart(21, 21);
    expect(takes(recopier, 21, 'RPUSH a x')).toBe(false);
  });
});

describe('a source that fails over', () => {
  it('has lost what its values tell that had not arrived: these are read anew', async () => {
    const recopier = make();
    takes(recopier, 10, 'LMOVE a b LEFT RIGHT');
    await readAt(recopier, 30);
    takes(recopier, 20, 'ZADD z GT 1 a');
    await readAt(recopier, 100);
    recopier.newHistory(80);
    expect([recopier.wantsToRead, recopier.neededTo, recopier.rightTo]).toEqual([
      true,
      Number.POSITIVE_INFINITY,
      10,
    ]);
    expect(settled(recopier, 79)).toEqual(['0:a', '0:b']);
    await readAt(recopier, 90);
    expect([reader.asked.at(-1), recopier.neededTo]).toEqual([['0:z'], 90]);
    expect(settled(recopier, 89)).toEqual([]);
    expect(settled(recopier, 90)).toEqual(['0:z']);
  });
});

describe('what a target refused', () => {
  it('is taken the next time, and others of its form after the third time', () => {
    const recopier = make({ target: all, newer: new NewerForms(700, 700, readable) });
    for (const offset of [10, 20, 30]) {
      expect(takes(recopier, offset, `GEOADD k${offset} CH 1 1 m`)).toBe(false);
      recopier.refuse(offset, true);
      expect(takes(recopier, offset, `GEOADD k${offset} CH 1 1 m`)).toBe(true);
      expect(takes(recopier, offset, `GEOADD k${offset} CH 1 1 m`)).toBe(true);
    }
    expect(takes(recopier, 40, 'GEOADD other CH 1 1 m')).toBe(true);
    expect(takes(recopier, 41, 'GEOADD plain 1 1 m')).toBe(false);
  });

  it('for what it holds at the key, is no matter of form', () => {
    const recopier = make();
    for (const offset of [10, 20, 30, 40]) {
      recopier.refuse(offset, false);
      expect(takes(recopier, offset, `INCR k${offset}`)).toBe(true);
    }
    expect(takes(recopier, 50, 'INCR other')).toBe(false);
  });

  it('for a script that it has lost is copied by the keys of the call', async () => {
    const recopier = make();
    recopier.refuse(10, true);
    expect(takes(recopier, 10, 'EVALSHA ab 2 a b argument')).toBe(true);
    await readAt(recopier, 20);
    expect(reader.asked).toEqual([['0:a', '0:b']]);
    expect(takes(recopier, 11, 'EVALSHA ab 1 c')).toBe(false);
  });

  it('is forgotten once it is behind', () => {
    const recopier = make();
    recopier.refuse(10, false);
    recopier.acked(11, 11, false);
    expect(takes(recopier, 10, 'INCR k')).toBe(false);
  });

  it('unseen, is taken with all that may have been: where something is to be refused at all', () => {
    const recopier = make();
    recopier.doubt(50);
    expect(takes(recopier, 49, 'INCR k')).toBe(true);
    expect(takes(recopier, 50, 'INCR other')).toBe(false);
    const calm = make({ target: all, newer: new NewerForms(700, 700, readable) });
    calm.doubt(50);
    expect(takes(calm, 49, 'INCR k')).toBe(false);
  });

  it('without keys ends the run', () => {
    const recopier = make();
    recopier.refuse(10, true);
    const view = viewOf('SWAPDB', '0', '1');
    view.offset = 10;
    recopier.checkKeyless(view, 0);
    expect(keyless).toEqual(['SWAPDB']);
  });
});

describe('a command that passes by', () => {
  const big = (args: Record<number, string>, argc: number, offset = 10) => ({
    argc,
    kept: new Map(Object.entries(args).map(([index, arg]) => [Number(index), Buffer.from(arg)])),
    offset,
    endOffset: offset + 1,
  });
  const tookBig = (recopier: Recopier, command: ReturnType<typeof big>, taken: boolean): void =>
    recopier.tookBig(command, 0, taken, actionOf(Buffer.from('LPUSH'), 0, 5));

  it('is held by its keys at its end', async () => {
    const recopier = make();
    const command = big({ 0: 'LMOVE', 1: 'a', 2: 'b', 3: 'LEFT' }, 5);
    expect(recopier.takesBig(command, 0)).toBe(true);
    tookBig(recopier, command, true);
    await readAt(recopier, 20);
    expect(reader.asked).toEqual([['0:a', '0:b']]);
  });

  it('ends the run where its keys are too large to be kept', () => {
    const recopier = make();
    const command = big({ 0: 'LMOVE', 3: 'LEFT' }, 5);
    expect(() => tookBig(recopier, command, true)).toThrow(/LMOVE, and it is too large/);
  });

  it('and was refused is taken, and its options are not blamed', () => {
    const recopier = make();
    for (const offset of [10, 20, 30]) {
      recopier.refuse(offset, true);
      expect(recopier.takesBig(big({ 0: 'SET', 1: 'k' }, 4, offset), 0)).toBe(true);
    }
    expect(recopier.takesBig(big({ 0: 'SET', 1: 'k' }, 4, 40), 0)).toBe(false);
    expect(takes(recopier, 50, 'SET k v')).toBe(false);
  });

  it('may make something of a held key: what it writes is held', async () => {
    const recopier = make();
    takes(recopier, 5, 'LMOVE a b LEFT RIGHT');
    tookBig(recopier, big({ 0: 'RPUSH', 1: 'c' }, 3), false);
    await readAt(recopier, 20);
    expect(reader.asked).toEqual([['0:a', '0:b', '0:c']]);
  });
});

describe('two databases that are swapped', () => {
  it('have the keys that only the source can tell held in both', async () => {
    const recopier = make();
    takes(recopier, 10, 'MODULE.DO m', 2);
    takes(recopier, 11, 'MODULE.DO n', 4);
    recopier.swapped(2, 5, 12);
    expect(recopier.rightTo).toBe(10);
    await readAt(recopier, 20);
    expect(reader.asked.flat().sort()).toEqual(['2:m', '4:n', '5:m']);
  });

  it('have what is held in one held in the other', async () => {
    const recopier = make();
    takes(recopier, 10, 'ZADD z GT 1 a', 2);
    recopier.swapped(2, 5, 11);
    await readAt(recopier, 20);
    expect(reader.asked).toEqual([['2:z', '5:z']]);
  });
});
