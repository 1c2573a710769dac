/** File operations of a spool that go wrong in the ways a disk does, around the real ones. */
import { setImmediate as turn } from 'node:timers/promises';
import type { SpoolFile, SpoolFiles } from '../../src/spool/files.ts';
import { nodeFiles } from '../../src/spool/files.ts';

type Around = (
  operation: 'write' | 'read',
  buffer: Buffer,
  run: (buffer: Buffer) => Promise<number>,
) => Promise<number>;

function wrap(around: Around): SpoolFiles {
  return {
    remove: nodeFiles.remove,
    async create(path: string): Promise<SpoolFile> {
      const file = await nodeFiles.create(path);
      return {
        write: (buffer, position) => around('write', buffer, (part) => file.write(part, position)),
        read: (buffer, position) => around('read', buffer, (part) => file.read(part, position)),
        close: () => file.close(),
      };
    },
  };
}

/** Each operation takes `turns()` turns of the event loop longer, and every third one does only half of what it was asked for. */
export function respondSlowly(turns: () => number): SpoolFiles {
  let operations = 0;
  return wrap(async (_operation, buffer, run) => {
    for (let left = turns(); left > 0; left--) await turn();
    operations++;
    return run(operations % 3 === 0 ? buffer.subarray(0, Math.ceil(buffer.length / 2)) : buffer);
  });
}

/** The disk takes `bytes` more bytes, then each write fails with `code`. */
export function failAfterWrite(bytes: number, code: string): SpoolFiles {
  let left = bytes;
  return wrap(async (operation, buffer, run) => {
    if (operation === 'read') return run(buffer);
    if (left === 0) throw Object.assign(new Error(`${code}: write`), { code });
    const n = await run(buffer.subarray(0, left));
    left -= n;
    return n;
  });
}

/** Each read fails with `code`. */
export function failRead(code: string): SpoolFiles {
  return wrap(async (operation, buffer, run) => {
    if (operation === 'read') throw Object.assign(new Error(`${code}: read`), { code });
    return run(buffer);
  });
}

export interface Counted {
  files: SpoolFiles;
  readonly reads: number;
}

/** Nothing goes wrong, and the reads are counted. */
export function countReads(): Counted {
  let reads = 0;
  const files = wrap((operation, buffer, run) => {
    if (operation === 'read') reads++;
    return run(buffer);
  });
  return {
    files,
    get reads() {
      return reads;
    },
  };
}

export interface HeldWrites {
  files: SpoolFiles;
  /** Writes that are under way. */
  readonly held: number;
  /** Counts writes since the start. */
  readonly writes: number;
  /** Lets all writes through, those under way and those to come. */
  letGo(): void;
}

/** No write comes back before `letGo`. */
export function holdWrites(): HeldWrites {
  let held = 0;
  let writes = 0;
  let letGo = (): void => {};
  const gate = new Promise<void>((resolve) => {
    letGo = resolve;
  });
  const files = wrap(async (operation, buffer, run) => {
    if (operation === 'write') {
      writes++;
      held++;
      await gate;
      held--;
    }
    return run(buffer);
  });
  return {
    files,
    get held() {
      return held;
    },
    get writes() {
      return writes;
    },
    letGo,
  };
}
