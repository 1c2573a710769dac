import { describe, expect, it } from 'vitest';
import { Kind } from '../in-flight.ts';
import { passes } from '../meaning.ts';
import { Undone } from './undone.ts';

describe('Undone', () => {
  it('knows single commands, whatever their slot', () => {
    const undone = new Undone();
    undone.add(100, 'MOVED 7 127.0.0.1:1', Kind.COMMAND);
    expect(undone.has(100, 3)).toBe(true);
    expect(undone.has(101, 3)).toBe(false);
    expect(undone.hasKeyless(100)).toBe(true);
    expect(undone.refused.size).toBe(0);
  });

  it('knows what a lost node may not have done: by its slots, from an offset on', () => {
    const undone = new Undone();
    undone.lose(new Set([7]), 100);
    expect(undone.has(100, 7)).toBe(true);
    expect(undone.has(99, 7)).toBe(false);
    expect(undone.has(500, 8)).toBe(false);
    expect([undone.hasKeyless(99), undone.hasKeyless(100)]).toEqual([false, true]);
  });

  it('keeps what was refused for good, of the stream alone', () => {
    const undone = new Undone();
    undone.add(1, 'WRONGTYPE Operation', Kind.COMMAND);
    undone.add(2, 'ERR Bad data format', Kind.RECOPY);
    expect([...undone.refused]).toEqual([[1, 'WRONGTYPE Operation']]);
  });
});

describe('passes', () => {
  it('tells the state of the cluster from a refusal', () => {
    for (const word of ['MOVED', 'ASK', 'TRYAGAIN', 'CLUSTERDOWN', 'READONLY', 'LOADING', 'EXECABORT']) {
      expect(passes(`${word} x`)).toBe(true);
    }
    expect(passes('ERR syntax error')).toBe(false);
  });

  it('tells a server that a proxy has lost', () => {
    expect(passes('ERR Connection reset by peer')).toBe(true);
    expect(passes('ERR Connection refused')).toBe(true);
    // While the server comes back.
    expect(passes('ERR Invalid argument')).toBe(true);
    expect(passes('ERR Invalid argument for CONFIG SET')).toBe(false);
    expect(passes('ERR Connection is no key')).toBe(false);
  });
});
