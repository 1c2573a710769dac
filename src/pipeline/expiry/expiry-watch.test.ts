import { beforeEach, describe, expect, it } from 'vitest';
import { viewOf } from '../../../test/support/command-view.ts';
import { emptyEntry } from '../../protocol/rdb/entry-view.ts';
import { actionOf } from '../command-table.ts';
import { KeyFinder } from '../keys/key-finder.ts';
import { KeyTable } from '../keys/key-table.ts';
import { ExpiryWatch } from './expiry-watch.ts';

const BEGIN_MS = 1_700_000_000_000;
const finder = new KeyFinder(KeyTable.builtIn());

let nowMs: number;
let offset: number;
let heldBackTo: number;
let watch: ExpiryWatch;
beforeEach(() => {
  nowMs = BEGIN_MS;
  offset = 0;
  heldBackTo = 0;
  watch = new ExpiryWatch({ targetMs: () => nowMs, arrivalMs: () => BEGIN_MS, heldBackTo: () => heldBackTo });
});

/** Whether a command of the stream that is decoded `afterMs` from the beginning touches a key that the target may have lost. */
function risk(text: string, afterMs: number, db = 0): boolean {
  nowMs = BEGIN_MS + afterMs;
  const view = viewOf(...text.split(' '));
  view.offset = offset++;
  view.endOffset = offset;
  watch.slice();
  const action = actionOf(view.buf, view.argStart[0] as number, view.argEnd[0] as number);
  const concerned = watch.concerns(view, action);
  const atRisk = concerned && watch.atRisk(view, db, finder, finder.find(view));
  watch.follow(view, db, action);
  return atRisk;
}

const at = (afterMs: number): number => BEGIN_MS + afterMs;

describe('ExpiryWatch', () => {
  it('takes a key for lost once its time has passed, until the source removes it', () => {
    expect(risk(`PEXPIREAT k ${at(1000)}`, 0)).toBe(false);
    expect(risk('INCR k', 900)).toBe(false);
    expect(risk('INCR other', 2000)).toBe(false);
    expect(risk('INCR k', 2000)).toBe(true);
    expect(risk('INCR k', 2000, 1)).toBe(false);
    expect(risk('DEL k', 2000)).toBe(false);
    expect(risk('INCR k', 2000)).toBe(false);
  });

  it('goes by the latest time', () => {
    risk(`PEXPIREAT k ${at(1000)}`, 0);
    risk(`PEXPIREAT k ${at(5000)}`, 900);
    expect(risk('INCR k', 4000)).toBe(false);
    risk('PERSIST k', 4000);
    expect(risk('INCR k', 6000)).toBe(false);
  });

  it('passes what does not depend on what was there', () => {
    risk(`PEXPIREAT k ${at(1000)}`, 0);
    for (const text of ['SET k v', `SETEX k 10 v`, 'MSET k v', 'RESTORE k 0 v REPLACE', 'UNLINK k']) {
      risk(`PEXPIREAT k ${at(1000)}`, 0);
      expect(risk(text, 2000), text).toBe(false);
    }
    risk(`PEXPIREAT k ${at(1000)}`, 0);
    expect(risk('SET k v KEEPTTL', 2000)).toBe(true);
  });

  it('follows a key to its new name and database, also when it was not applied', () => {
    risk(`PEXPIREAT k ${at(1000)}`, 0);
    risk('RENAME k l', 0);
    risk('COPY l m DB 3', 0);
    expect(risk('INCR k', 2000)).toBe(false);
    expect(risk('INCR l', 2000)).toBe(true);
    expect(risk('INCR m', 2000, 3)).toBe(true);
    watch.swapped(3, 4, offset);
    expect(risk('INCR m', 2000, 3)).toBe(false);
    expect(risk('INCR m', 2000, 4)).toBe(true);
  });

  it('knows what the snapshot holds, and what was copied again', () => {
    const entry = emptyEntry();
    entry.keyBuf = Buffer.from('k');
    entry.keyEnd = 1;
    entry.expireAtMs = at(1000);
    watch.entry(entry, 'redis', false);
    expect(risk('INCR k', 2000)).toBe(true);
    entry.expireAtMs = at(9000);
    watch.copied(entry, 'redis', offset);
    expect(risk('INCR k', 2000)).toBe(false);
    watch.copied(entry, undefined, offset);
    expect(risk('INCR k', 10_000)).toBe(false);
  });

  it('forgets what it learned behind the place to which the stream goes back', () => {
    risk(`PEXPIREAT k ${at(1000)}`, 0);
    const place = offset;
    risk(`PEXPIREAT k ${at(9000)}`, 500);
    expect(risk('INCR k', 2000)).toBe(false);
    watch.restart(place);
    offset = place;
    expect(risk('INCR k', 2000)).toBe(true);
  });

  it('sees that the target ran something after a time that had not passed when it was decoded', () => {
    risk(`PEXPIREAT k ${at(1000)}`, 0);
    risk('INCR k', 0);
    const end = offset;
    risk('INCR other', 0);
    nowMs = at(500);
    expect(watch.ranLate(end - 1)).toBe(false);
    nowMs = at(1500);
    expect(watch.ranLate(end)).toBe(true);
    // What was run in time is judged no more.
    expect(watch.ranLate(end + 1)).toBe(false);
  });

  it('counts fields as lost only where the stream is behind: which are left, their hash alone tells', () => {
    expect(risk(`HPEXPIREAT h ${at(1000)} FIELDS 1 f`, 0)).toBe(false);
    expect(risk(`HPEXPIREAT h ${at(9000)} FIELDS 1 f`, 0)).toBe(false);
    // It arrived in 2023.
    expect(risk('HSET h g 1', 2000)).toBe(true);
    watch = new ExpiryWatch({ targetMs: () => nowMs, arrivalMs: () => Date.now(), heldBackTo: () => 0 });
    risk(`HPEXPIREAT h ${at(1000)} FIELDS 1 f`, 0);
    expect(risk('HSET h g 1', 2000)).toBe(false);
  });

  it('says of a relative time that it was held back, up to where that is known', () => {
    const view = viewOf('EXPIRE', 'k', 10);
    view.offset = 100;
    const action = actionOf(view.buf, view.argStart[0] as number, view.argEnd[0] as number);
    heldBackTo = Number.POSITIVE_INFINITY;
    expect(watch.isLate(view, action)).toBe(true);
    heldBackTo = 101;
    expect(watch.isLate(view, action)).toBe(true);
    heldBackTo = 100;
    expect(watch.isLate(view, action)).toBe(false);
  });
});
