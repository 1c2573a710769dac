/** Damaged and random AOFs and manifests: they may be refused with a FormatError, and nothing else; and a file says the same however it is cut. */
import { readFileSync } from 'node:fs';
import { parseManifest } from '../../src/protocol/aof/manifest.ts';
import { FormatError } from '../../src/protocol/format-error.ts';
import { Random } from '../support/random.ts';
import { walkAof } from './aof-collect.ts';
import { type FuzzResult, fuzzFor } from './fuzz-for.ts';

/** What a run of one input may take, however it is damaged. */
const RUN_MS_MAX = 2000;

const frame = (...args: string[]): string =>
  `*${args.length}\r\n${args.map((arg) => `$${arg.length}\r\n${arg}\r\n`).join('')}`;

const PIECES = [
  ...[
    frame('SET', 'k', '\r\n#TS:1\r\n'),
    frame('MULTI'),
    frame('EXEC'),
    frame('DEL', 'a'),
    frame('x'.repeat(99)),
  ],
  ...[
    '#TS:5\r\n',
    '#TS:50\r\n',
    '#TS:x\r\n',
    '#\n',
    '# text\r\n',
    '#',
    '\r\n',
    '\n',
    '*',
    '$',
    '*1\r\n',
    '$5\r\nMULTI\r\n',
  ],
  ...[
    '*99999999\r\n',
    '$999999999\r\n',
    '$-1\r\n',
    '*0\r\n',
    '1',
    '\0',
    'REDIS0011',
    '\xff',
    'x'.repeat(1100),
  ],
];
const WORDS = [
  'file',
  'seq',
  'type',
  'b',
  'i',
  'h',
  '1',
  '2',
  '"',
  "'",
  '\\',
  '\\x0a',
  ' ',
  ' ',
  '\n',
  '\n',
  '#',
  '/',
  '\0',
  '\xa0',
];

const join = (pieces: readonly string[], count: number, random: Random): Buffer =>
  Buffer.from(random.times(count, () => random.pick(pieces)).join(''), 'latin1');

function damaged(fixtures: readonly Buffer[], random: Random): Buffer {
  const fixture = random.pick(fixtures);
  const bytes = Buffer.from(fixture.subarray(0, 1 + random.int(fixture.length)));
  for (let changes = random.int(4); changes > 0; changes--) bytes[random.int(bytes.length)] = random.int(256);
  return bytes;
}

/** What comes out, as one text, and how it ended. */
function outcome(aof: Buffer, random: Random, bigCommandBytes: number, until: number): string {
  const cuts = random.times(random.int(20), () => random.int(aof.length + 1)).sort((a, b) => a - b);
  try {
    const { sink, end } = walkAof(aof, cuts, { bigCommandBytes, until, bigEntryBytes: 1e9 });
    return JSON.stringify([end, sink.told, sink.entries.entries.length]);
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    // In an RDB it is the collector that meets some faults, at offsets of its own.
    return aof[0] === 0x52 ? 'refused' : `refused: ${error.fault} ${error.offset}`;
  }
}

/** Whether it was refused. */
export function replayManifest(content: Buffer): boolean {
  try {
    parseManifest(content);
    return false;
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    return true;
  }
}

/** Whether it was refused. */
export function replayAof(aof: Buffer, random: Random): boolean {
  const until = random.int(2) === 0 ? 10 : Number.POSITIVE_INFINITY;
  const [one, other] = [outcome(aof, random, 1e9, until), outcome(aof, random, 1e9, until)];
  if (one !== other)
    throw new Error(`cut otherwise, it says otherwise:\n${one.slice(0, 500)}\n${other.slice(0, 500)}`);
  // Where a command is given while it comes, a fault in it can be met elsewhere.
  outcome(aof, random, random.int(100), until);
  return one.startsWith('refused');
}

export function fuzzAof(seconds: number, seed?: number): FuzzResult {
  const fixtures = ['plain', 'preamble', 'timestamps'].map((name) =>
    readFileSync(new URL(`../fixtures/aof/${name}.aof`, import.meta.url)),
  );
  return fuzzFor('aof', seconds, RUN_MS_MAX, seed, (turn) => {
    const random = new Random(turn);
    const aof = random.int(3) === 0 ? damaged(fixtures, random) : join(PIECES, random.int(12), random);
    replayManifest(join([...WORDS, 'file a seq 1 type i\n'], random.int(30), random));
    return replayAof(aof, random);
  });
}
