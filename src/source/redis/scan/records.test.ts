import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { EntryView, RdbSink } from '../../../protocol/rdb/sink.ts';
import { RdbWalker } from '../../../protocol/rdb/walker.ts';
import { Spool } from '../../../spool/spool.ts';
import { RecordWriter } from './records.ts';

let dir: string;
let spool: Spool;
let told: string[];
let walker: RdbWalker;

beforeEach(async () => {
  dir = mkdtempSync(path.join(tmpdir(), 'records-'));
  spool = await Spool.open({
    dir: path.join(dir, 'spool'),
    memoryBytes: 2048,
    slabBytes: 1024,
    diskBytesMax: 1e9,
    writeBehindBytes: Number.POSITIVE_INFINITY,
  });
  told = [];
  const sink = {
    header: (version: number, flavour: string) => told.push(`header ${flavour} ${version}`),
    aux: (name: string, value: Buffer) => told.push(`${name}=${value}`),
    selectDb: (db: number) => told.push(`db ${db}`),
    entry: ({ keyBuf, keyStart, keyEnd, type, valueBuf, valueStart, valueEnd, expireAtMs }: EntryView) =>
      told.push(
        `${keyBuf.toString('latin1', keyStart, keyEnd)} ${expireAtMs} ${type} ${valueEnd - valueStart} ${valueBuf.toString('latin1', valueStart + 1, valueStart + 3)}`,
      ),
    finish: () => told.push('finish'),
  };
  walker = new RdbWalker(sink as unknown as RdbSink, { bigEntryBytes: 1e6 });
});

afterEach(async () => {
  await spool.close();
  rmSync(dir, { recursive: true, force: true });
});

function drain(records: RecordWriter): void {
  for (let view = spool.read(100); view !== undefined; view = spool.read(100)) {
    walker.write(view, 0, view.length);
    spool.release(spool.position);
    records.taken();
  }
}

describe('RecordWriter', () => {
  it('writes an RDB that the walker reads', () => {
    const records = new RecordWriter(spool, 1e6);
    const value = Buffer.from('\x05hello', 'latin1');
    records.version(11);
    records.selectDb(0);
    records.entry(Buffer.from('xkeyx'), 1, 4, -1, 0, value, 0, value.length);
    records.selectDb(300);
    const long = Buffer.alloc(100, 'k');
    records.entry(long, 0, 100, 1_999_999_999_999, 0, value, 0, value.length);
    records.version(80);
    records.again();
    records.again();
    records.part(true);
    records.part(true);
    records.part(false);
    records.dropParts();
    records.part(true);
    records.dropParts();
    records.gone(long, 0, 70);
    records.end();
    drain(records);
    expect(told).toEqual([
      'header redis 11',
      'key -1 0 6 he',
      'db 300',
      `${'k'.repeat(100)} 1999999999999 0 6 he`,
      'naru:version=80',
      'naru:again=',
      'naru:part=first',
      'naru:part=more',
      'naru:part=last',
      'naru:part=first',
      'naru:part=none',
      `naru:gone=${'k'.repeat(70)}`,
      'finish',
    ]);
    expect(walker.finished).toBe(true);
  });

  it('keeps what the spool has no room for, and says when there is room', async () => {
    const records = new RecordWriter(spool, 500);
    records.version(80);
    const value = Buffer.concat([Buffer.from([0x80, 0, 0, 0x27, 0x10]), Buffer.alloc(10_000, 'v')]);
    records.entry(Buffer.from('k'), 0, 1, -1, 0, value, 0, value.length);
    expect(records.offset).toBe(9 + 3 + value.length);
    records.entry(Buffer.from('l'), 0, 1, -1, 0, value, 0, value.length);
    records.end();
    expect(records.hasRoom).toBe(false);
    let rooms = 0;
    const room = records.room().then(() => {
      rooms++;
    });
    while (!walker.finished) {
      expect(rooms).toBe(0);
      await spool.whenReadable();
      drain(records);
    }
    await room;
    expect(told).toEqual(['header valkey 80', 'k -1 0 10005 \0\0', 'l -1 0 10005 \0\0', 'finish']);
  });
});
