/** Random bytes for what reads single things: replies, commands, LZF, packed structures, DUMP payloads. They refuse with a FormatError or read, the same however the bytes are cut. */
import { LZF_RATIO_MAX, LzfStream, lzfDecompress } from '../../src/protocol/bytes/lzf.ts';
import { FormatError } from '../../src/protocol/format-error.ts';
import { ROLE_INTSET, ROLE_LISTPACK, ROLE_ZIPLIST, ROLE_ZIPMAP } from '../../src/protocol/rdb/grammar.ts';
import { skipValue } from '../../src/protocol/rdb/skip.ts';
import { BlobReader } from '../../src/protocol/rdb/value-blob.ts';
import { ValueDecoder } from '../../src/protocol/rdb/value-decoder.ts';
import { CommandWalker } from '../../src/protocol/resp/command-walker.ts';
import { ReplyDecoder } from '../../src/protocol/resp/reply.ts';
import { ReplyScanner } from '../../src/protocol/resp/reply-scanner.ts';
import { Random } from '../support/random.ts';
import { type FuzzResult, fuzzFor } from './fuzz-for.ts';
import * as b from './rdb-build.ts';
import { ValueCollector } from './rdb-collect.ts';

const RUN_MS_MAX = 2000;

/** What was told before the end or the fault. */
type Reader = (bytes: Buffer, cuts: readonly number[]) => string[];

/** Slices as copies that are wiped: a view that is kept beyond the call would be seen. */
function inSlices(bytes: Buffer, cuts: readonly number[], write: (slice: Buffer) => void): void {
  let pos = 0;
  for (const cut of [...cuts, bytes.length]) {
    const slice = Buffer.from(bytes.subarray(pos, cut));
    if (slice.length > 0) write(slice);
    slice.fill(0xee);
    pos = cut;
  }
}

const replies: Reader = (bytes, cuts) => {
  const told: string[] = [];
  const scanner = new ReplyScanner({
    reply: (kind, value, depth) => void told.push(`${kind} ${value} ${depth}`),
    error: (text, depth) => void told.push(`error ${text} ${depth}`),
  });
  return until(told, () => inSlices(bytes, cuts, (slice) => scanner.write(slice, 0, slice.length)));
};

const values: Reader = (bytes, cuts) => {
  const told: string[] = [];
  const decoder = new ReplyDecoder(
    (reply) =>
      void told.push(
        JSON.stringify(reply, (_, value) => (typeof value === 'bigint' ? String(value) : value)),
      ),
  );
  return until(told, () => inSlices(bytes, cuts, (slice) => decoder.write(slice, 0, slice.length)));
};

const commands: Reader = (bytes, cuts) => {
  const told: string[] = [];
  const walker = new CommandWalker(
    {
      command: (c) =>
        void told.push(`${c.offset} ${Array.from({ length: c.argc }, (_, i) => c.text(i)).join(' ')}`),
      bigCommand() {},
      bigCommandPart() {},
      bigCommandEnd() {},
    },
    { bigCommandBytes: 1e9 },
  );
  return until(told, () =>
    inSlices(bytes, cuts, (slice) => {
      for (let at = 0; at < slice.length; ) at = walker.write(slice, at, slice.length);
    }),
  );
};

/** The first byte says how long the plain bytes are to be. */
const lzf: Reader = (bytes, cuts) => {
  const packed = bytes.subarray(1);
  const plainBytes = Math.min(bytes[0] ?? 0, packed.length * LZF_RATIO_MAX);
  const parts: Buffer[] = [];
  const told = until([], () => {
    const stream = new LzfStream();
    const part = (buf: Buffer, start: number, end: number): void =>
      void parts.push(Buffer.from(buf.subarray(start, end)));
    stream.begin(plainBytes, { part }, 0);
    inSlices(
      packed,
      cuts.map((cut) => Math.min(cut, packed.length)),
      (slice) => stream.write(slice, 0, slice.length),
    );
    stream.end();
  });
  const whole = Buffer.alloc(plainBytes);
  const atOnce = until([], () => lzfDecompress(packed, 0, packed.length, whole, 0, plainBytes, 0));
  if (atOnce.join() !== told.join()) throw new Error('in slices and at once, LZF says otherwise');
  if (told.length === 0 && !Buffer.concat(parts).equals(whole))
    throw new Error('LZF gives other bytes in slices');
  return told;
};

/** The first byte says which structure. */
const blob: Reader = (bytes, cuts) => {
  const told: string[] = [];
  const text = (buf: Buffer, start: number, end: number): void =>
    void told.push(buf.toString('latin1', start, end));
  const reader = new BlobReader(
    {
      integer: (n) => void told.push(String(n)),
      item: text,
      itemLength: (n) => void told.push(`${n}`),
      itemPart() {},
      itemsEnd() {},
    },
    64,
  );
  const formats = [ROLE_ZIPLIST, ROLE_LISTPACK, ROLE_INTSET, ROLE_ZIPMAP];
  return until(told, () => {
    reader.begin(formats[(bytes[0] ?? 0) % formats.length] as number, 0);
    inSlices(
      bytes.subarray(1),
      cuts.map((cut) => Math.max(0, cut - 1)),
      (slice) => reader.write(slice, 0, slice.length),
    );
    reader.end();
  });
};

/** A DUMP payload: type and value. Skipping it and taking it apart must end at the same byte. */
const dump: Reader = (bytes, cuts) => {
  const collector = new ValueCollector();
  let end = -1;
  const told = until([], () => {
    end = skipValue(bytes, 1, bytes.length, bytes[0] ?? 0);
    const decoder = new ValueDecoder(bytes[0] ?? 0, 'redis', collector, 1, undefined, { partBytes: 64 });
    let taken = 1;
    inSlices(
      bytes.subarray(1),
      cuts.map((cut) => Math.max(0, cut - 1)),
      (slice) => {
        if (!decoder.done) taken += decoder.write(slice, 0, slice.length);
      },
    );
    if (decoder.done !== end >= 0) throw new Error(`skipped to ${end}, but decoded: ${decoder.done}`);
    if (decoder.done && taken !== end) throw new Error(`skipped to ${end}, decoded to ${taken}`);
  });
  if (told.length > 0) return told;
  return [String(end), JSON.stringify(collector.value, (_, v) => (typeof v === 'bigint' ? String(v) : v))];
};

/** What was told, and that it was refused. */
function until(told: string[], read: () => void): string[] {
  try {
    read();
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    told.push('refused');
  }
  return told;
}

export const READERS: Readonly<Record<string, Reader>> = {
  reply: replies,
  value: values,
  command: commands,
  lzf,
  blob,
  dump,
};

const WORDS = [
  '+OK\r\n',
  '+QUEUED\r\n',
  '-ERR x\r\n',
  ':1\r\n',
  '$-1\r\n',
  '$2\r\nab\r\n',
  '*2\r\n',
  '*0\r\n',
  '*-1\r\n',
  '$',
  '*',
  '\r\n',
  '\n',
  '99999999999',
  '-',
  '1',
  '\0',
  '%1\r\n',
  '_\r\n',
  '#t\r\n',
  ',1.5\r\n',
];
const EDGES = [0, 1, 2, 31, 32, 63, 64, 127, 128, 129, 192, 195, 223, 224, 240, 241, 244, 253, 254, 255];

function listpack(random: Random): Buffer {
  const made = b.listpack(
    ...random.times(random.int(6), () =>
      b.lp(random.pick([random.text(random.int(90)), random.int(1e6) - 5e5, -1n])),
    ),
  );
  return b.bytes(1, damage(made, random));
}

function damage(bytes: Buffer, random: Random): Buffer {
  for (let changes = random.int(3); changes > 0 && bytes.length > 0; changes--)
    bytes[random.int(bytes.length)] = random.chance(0.5) ? random.int(256) : random.pick(EDGES);
  return random.chance(0.2) ? bytes.subarray(0, random.int(bytes.length + 1)) : bytes;
}

function input(name: string, random: Random): Buffer {
  if (name === 'reply' || name === 'value' || name === 'command') {
    const text = random.times(random.int(12), () => random.pick(WORDS)).join('');
    return damage(Buffer.from(text), random);
  }
  if (name === 'blob' && random.chance(0.5)) return listpack(random);
  const bytes = Buffer.alloc(1 + random.int(120));
  for (let i = 0; i < bytes.length; i++) bytes[i] = random.chance(0.3) ? random.int(256) : random.pick(EDGES);
  if (name === 'dump') bytes[0] = random.int(random.chance(0.9) ? 27 : 256);
  return bytes;
}

/** Reads it twice, cut in two ways; whether it was refused. */
export function replayWire(name: string, bytes: Buffer, random: Random): boolean {
  const read = READERS[name] as Reader;
  const cuts = (): number[] =>
    random.times(random.int(10), () => random.int(bytes.length + 1)).sort((x, y) => x - y);
  const [one, other] = [read(bytes, cuts()), read(bytes, cuts())];
  const refused = one.at(-1) === 'refused';
  // How much was told before a fault depends on the cuts; whether there is one does not.
  const same = refused ? other.at(-1) === 'refused' : JSON.stringify(one) === JSON.stringify(other);
  if (!same)
    throw new Error(`${name}: cut otherwise, it says otherwise: ${one} ${other} (${bytes.toString('hex')})`);
  return refused;
}

export function fuzzWire(seconds: number, seed?: number): FuzzResult {
  const names = Object.keys(READERS);
  return fuzzFor('wire', seconds, RUN_MS_MAX, seed, (turn) => {
    const random = new Random(turn);
    const name = random.pick(names);
    return replayWire(name, input(name, random), random);
  });
}
