import { describe, expect, it } from 'vitest';
import { Places } from './places.ts';

describe('places of a file', () => {
  it('are told for what was left out, for another file, and behind what was released', () => {
    const places = new Places();
    expect(places.at(0)).toBeUndefined();
    places.add(0, 'base', 0, undefined);
    places.add(100, 'base', 100, undefined);
    places.add(150, 'base', 160, undefined);
    places.add(180, 'incr', 20, 7000);
    places.add(200, 'incr', 40, 8000);
    expect(places.at(149)).toEqual({ path: 'base', offset: 149 });
    expect(places.at(150)).toEqual({ path: 'base', offset: 160 });
    expect(places.at(185)).toEqual({ path: 'incr', offset: 25 });
    expect([149, 199, 200].map((offset) => places.writtenAtMs(offset))).toEqual([undefined, 7000, 8000]);
    places.release(185);
    expect(places.at(185)).toEqual({ path: 'incr', offset: 25 });
    expect(places.at(150)).toBeUndefined();
    expect(places.at(500)).toEqual({ path: 'incr', offset: 340 });
  });
});
