import { describe, expect, it } from 'vitest';
import { canRestore, type NodeFacts, setTakesPxat } from './facts.ts';

const node = (flavour: NodeFacts['flavour'], version: string): NodeFacts =>
  ({ flavour, version }) as NodeFacts;

/** node, the RDB version that it writes itself: the newest that it reads */
const OWN: [NodeFacts['flavour'], string, number][] = [
  ['redis', '2.8.24', 6],
  ['redis', '3.2.13', 7],
  ['redis', '4.0.14', 8],
  ['redis', '5.0.14', 9],
  ['redis', '6.0.16', 9],
  ['redis', '6.2.9', 9],
  ['redis', '7.0.15', 10],
  ['redis', '7.2.4', 11],
  ['redis', '7.4.1', 12],
  ['redis', '8.0.2', 12],
  ['redis', '8.2.0', 12],
  ['redis', '8.4.0', 12],
  ['redis', '8.6.3', 13],
  ['valkey', '8.0.1', 11],
  ['valkey', '8.1.1', 11],
];

describe('canRestore', () => {
  it.each(OWN)('%s %s reads RDB versions up to %i', (flavour, version, own) => {
    expect(canRestore(node(flavour, version), own)).toBe(true);
    expect(canRestore(node(flavour, version), own + 1)).toBe(false);
    expect(canRestore(node(flavour, version), 80)).toBe(false);
  });

  it("Valkey 9 reads its own, and Redis's up to 7.2", () => {
    const read = [11, 12, 13, 79, 80, 81].filter((version) => canRestore(node('valkey', '9.1.2'), version));
    expect(read).toEqual([11, 80]);
  });
});

describe('setTakesPxat', () => {
  it.each([
    ['redis', '5.0.14', false],
    ['redis', '6.0.16', false],
    ['redis', '6.2.0', true],
    ['redis', '7.0.15', true],
    ['redis', '?', true],
    ['valkey', '8.0.1', true],
  ] as const)('%s %s: %s', (flavour, version, takes) => {
    expect(setTakesPxat(node(flavour, version))).toBe(takes);
  });
});
