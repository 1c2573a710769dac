import { NaruError } from '../../../errors/errors.ts';
import type { ScanPlace } from './batch.ts';

const LF = 0x0a;
const CR = 0x0d;

/** The keys of a file, one a line, each with the place behind it: a cursor is an offset in the file. Rejects with NaruError FILE_UNREADABLE. */
export async function* keysIn(
  chunks: AsyncIterable<Buffer>,
  db: number,
  start: number,
): AsyncGenerator<{ key: Buffer; place: ScanPlace }> {
  let rest: Buffer = Buffer.alloc(0);
  let offset = start;
  const place = (): ScanPlace => ({ db, walk: '', cursor: String(offset) });
  try {
    for await (const chunk of chunks) {
      const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
      let at = 0;
      for (let lf = bytes.indexOf(LF); lf >= 0; lf = bytes.indexOf(LF, at)) {
        const end = lf > at && bytes[lf - 1] === CR ? lf - 1 : lf;
        offset += lf + 1 - at;
        if (end > at) yield { key: bytes.subarray(at, end), place: place() };
        at = lf + 1;
      }
      rest = bytes.subarray(at);
    }
  } catch (error) {
    throw new NaruError('FILE_UNREADABLE', `The file of keys can not be read: ${(error as Error).message}`);
  }
  offset += rest.length;
  if (rest.length > 0) yield { key: rest, place: place() };
}
