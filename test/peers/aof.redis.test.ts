/** Row 5: no part of an AOF is left out. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { aofServer, fillAof, rewriteAof } from '../support/aof.ts';
import { compare } from '../support/compare.ts';
import { Naru } from '../support/naru.ts';
import { RedisServer } from '../support/redis-server.ts';

const servers: RedisServer[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) await server.stop();
});

/** Cuts the increments of a multi-part AOF into files of one command or transaction each, and writes a manifest that names them all. */
function split(folder: string): number {
  const manifest = join(folder, 'appendonly.aof.manifest');
  const lines = readFileSync(manifest, 'utf8').trim().split('\n');
  const incr = lines.find((line) => line.endsWith('type i')) as string;
  const name = incr.split(' ')[1] as string;
  const bytes = readFileSync(join(folder, name));
  const text = bytes.toString('latin1');
  // fillAof writes this before each of its databases; a file begins in database 0 and so must each part.
  const cuts = [...text.matchAll(/\*2\r\n\$6\r\nSELECT\r\n/g)].map((match) => match.index);
  const parts = cuts.map((at, i) => bytes.subarray(at, cuts[i + 1] ?? bytes.length));
  const named = parts.map((part, i) => {
    writeFileSync(join(folder, `part ${i}`), part);
    return `file "part ${i}" seq ${i + 1} type i`;
  });
  const base = lines.filter((line) => line.endsWith('type b'));
  writeFileSync(manifest, [...base, ...named, ''].join('\n'));
  return parts.length;
}

describe('naru restore, row 5: no part of an AOF is left out', () => {
  it.each(['yes', 'no'])('neither its base (RDB: %s) nor any of its increments', async (preamble) => {
    const source = await aofServer({ 'aof-use-rdb-preamble': preamble });
    servers.push(source);
    await fillAof(source, 1);
    await rewriteAof(source);
    await fillAof(source, 2);
    await fillAof(source, 3);
    expect(split(join(source.dir, 'appendonlydir'))).toBeGreaterThan(3);
    const target = await RedisServer.start();
    servers.push(target);
    const naru = await Naru.run(['restore', '--from', source.dir, '--to', target.url, '--json']);
    expect(naru.exit?.code, naru.stderr).toBe(0);
    expect(await compare(source, target)).toEqual([]);
    expect(await target.digest()).toBe(await source.digest());
  });
});
