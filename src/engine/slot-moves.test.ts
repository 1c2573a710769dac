import { describe, expect, it } from 'vitest';
import { SlotMoves } from './slot-moves.ts';

const owned = (by: Record<number, string>) => (slot: number) => by[slot] ?? 'a';

describe('SlotMoves', () => {
  it('knows of a slot that another node owns, once that stood still', () => {
    const moves = new SlotMoves(owned({}), []);
    moves.look(owned({}), []);
    expect(moves.size).toBe(0);
    moves.look(owned({ 7: 'b' }), []);
    expect([moves.size, moves.over().size]).toEqual([1, 0]);
    moves.look(owned({ 7: 'b' }), []);
    moves.look(owned({ 7: 'b' }), []);
    expect([...moves.over().keys()]).toEqual([7]);
    moves.settled(moves.over());
    expect(moves.size).toBe(0);
  });

  it('waits while it is under way, and where nobody owns it', () => {
    const move = { slot: 7, ownerId: 'a', importerId: 'b' };
    const moves = new SlotMoves(owned({}), [move]);
    for (let looks = 0; looks < 5; looks++) moves.look(owned({}), [move]);
    expect(moves.over().size).toBe(0);
    const nobody = (slot: number): string | undefined => (slot === 7 ? undefined : 'a');
    for (let looks = 0; looks < 5; looks++) moves.look(nobody, []);
    expect(moves.over().size).toBe(0);
    for (let looks = 0; looks < 3; looks++) moves.look(owned({}), []);
    expect(moves.over().size).toBe(1);
  });

  it('does not take for settled what moved again meanwhile', () => {
    const moves = new SlotMoves(owned({}), []);
    for (let looks = 0; looks < 3; looks++) moves.look(owned({ 7: 'b' }), []);
    const over = moves.over();
    moves.look(owned({ 7: 'c' }), []);
    moves.settled(over);
    expect(moves.size).toBe(1);
  });

  it('can be told that what was settled is not so any more', () => {
    const moves = new SlotMoves(owned({}), []);
    for (let looks = 0; looks < 3; looks++) moves.look(owned({ 7: 'b' }), []);
    moves.settled(moves.over());
    moves.markAllAgain();
    expect(moves.size).toBe(1);
  });
});
