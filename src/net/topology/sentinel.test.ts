import { describe, expect, it } from 'vitest';
import { type Answer, chooseMaster } from './sentinel.ts';

/** `7:3` names the master at port 7 in epoch 3, `-` does not know the name. */
const answer = (text: string): Answer => {
  const [port, epoch] = text.split(':').map(Number);
  const master = text === '-' ? undefined : { host: 'h', port: port as number };
  return { master, epoch: epoch ?? 0, down: false, replicas: [], names: [] };
};

describe('chooseMaster', () => {
  it.each([
    ['7:0 7:0 7:0', 7],
    ['7:0 8:0 7:0', 7],
    ['7:0 7:0 8:1', 8],
    ['- - 7:2', 7],
    ['7:1 8:1 7:0 7:0', 'undecided'],
    ['7:0 8:0', 'undecided'],
    ['- -', undefined],
  ])('of %s is %s', (texts, expected) => {
    const chosen = chooseMaster(texts.split(' ').map(answer));
    expect(typeof chosen === 'object' ? chosen.master?.port : chosen).toBe(expected);
  });
});
