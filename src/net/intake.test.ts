import { describe, expect, it } from 'vitest';
import { Intake, type Reader } from './intake.ts';

/** Collects what it gets, in spaces of the given size. */
class Collector implements Reader {
  text = '';
  readonly buffer: Buffer;
  onReceived: () => void = () => {};

  constructor(bytes: number, buffer: Buffer = Buffer.alloc(bytes)) {
    this.buffer = buffer.subarray(0, bytes);
  }

  space(): Buffer {
    return this.buffer;
  }

  received(n: number): void {
    this.text += this.buffer.toString('latin1', 0, n);
    this.onReceived();
  }
}

/** As node does: the buffer for the next read is taken right after the callback for this one. */
function read(intake: Intake, given: Buffer, text: string): Buffer {
  const n = given.write(text, 'latin1');
  expect(n).toBe(text.length);
  intake.arrived(n);
  return intake.next();
}

describe('Intake', () => {
  it('lets the kernel write where the reader wants it', () => {
    const intake = new Intake();
    const reader = new Collector(8);
    intake.reader = reader;
    expect(intake.next()).toBe(reader.buffer);
    read(intake, reader.buffer, 'abc');
    expect(reader.text).toBe('abc');
  });

  it('copies what lies in the space before the first reader, in parts where the space is smaller', () => {
    const intake = new Intake();
    const given = intake.next();
    const reader = new Collector(2);
    intake.reader = reader;
    expect(read(intake, given, 'abcde')).toBe(reader.buffer);
    expect(reader.text).toBe('abcde');
  });

  it('gives what arrives after a swap to the new reader, also where it lies in the space of the old one', () => {
    const intake = new Intake();
    const first = new Collector(8);
    const second = new Collector(3);
    intake.reader = first;
    let given = intake.next();
    intake.reader = second;
    given = read(intake, given, 'abcdefgh');
    first.onReceived = () => {
      intake.reader = second;
    };
    intake.reader = first;
    given = read(intake, given, 'ij');
    given = read(intake, given, 'kl');
    expect([first.text, second.text]).toEqual(['ij', 'abcdefghkl']);
  });

  it('follows swaps between the parts of one read, also to a reader of overlapping memory', () => {
    const intake = new Intake();
    const memory = Buffer.alloc(16);
    const first = new Collector(8, memory);
    const second = new Collector(3, memory.subarray(2));
    const third = new Collector(4, memory.subarray(1));
    second.onReceived = () => {
      intake.reader = third;
    };
    intake.reader = first;
    const given = intake.next();
    intake.reader = second;
    read(intake, given, 'abcdefgh');
    expect([first.text, second.text, third.text]).toEqual(['', 'abc', 'defgh']);
  });

  it('stops within a chunk when the reader is taken away', () => {
    const intake = new Intake();
    const reader = new Collector(2);
    reader.onReceived = () => {
      intake.reader = undefined;
    };
    intake.reader = reader;
    intake.chunk(Buffer.from('abcdef'));
    expect(reader.text).toBe('ab');
  });

  it('tells what a reader throws, and that it gives no space', () => {
    const intake = new Intake();
    const faults: string[] = [];
    intake.onFault = (error) => {
      faults.push((error as Error).message);
    };
    const reader = new Collector(4);
    reader.onReceived = () => {
      throw new Error('full');
    };
    intake.reader = reader;
    read(intake, intake.next(), 'ab');
    intake.chunk(Buffer.from('ab'));
    intake.reader = new Collector(0);
    expect(intake.next().length).toBeGreaterThan(0);
    intake.chunk(Buffer.from('ab'));
    expect(faults).toEqual([
      'full',
      'full',
      expect.stringContaining('no space'),
      expect.stringContaining('no space'),
    ]);
  });
});
