import { expect, it } from 'vitest';
import { Turns } from './turns.ts';

const never = new AbortController().signal;

it('lets so many go at once, and the others in the order in which they came', async () => {
  const turns = new Turns(2);
  const [a, b, c, d] = [{}, {}, {}, {}] as [object, object, object, object];
  const came: string[] = [];
  await turns.take(a, never);
  await turns.take(b, never);
  const third = turns.take(c, never).then(() => came.push('c'));
  const fourth = turns.take(d, never).then(() => came.push('d'));
  turns.give({});
  await Promise.resolve();
  expect(came).toEqual([]);
  turns.give(b);
  await third;
  turns.give(b);
  await Promise.resolve();
  expect(came).toEqual(['c']);
  turns.give(a);
  await fourth;
});

it('forgets who stopped waiting', async () => {
  const turns = new Turns(1);
  const holder = {};
  await turns.take(holder, never);
  const gone = new AbortController();
  const waiting = turns.take({}, gone.signal);
  gone.abort(new Error('gone'));
  await expect(waiting).rejects.toThrow('gone');
  turns.give(holder);
  await turns.take({}, never);
});
