/** The manifest of a multi-part AOF (Redis 7 and newer): which files hold the data, and in which order. */
import { FormatError } from '../format-error.ts';
import { splitWords } from './words.ts';

export interface AofFile {
  /** a name without a folder: the file stands beside the manifest */
  name: string;
  seq: number;
  /** `base`: the state at the last rewrite, an RDB or an AOF; `incr`: the commands after it */
  type: 'base' | 'incr';
}

/** Redis reads lines into a buffer of this size (aof.c, MANIFEST_MAX_LINE). */
const LINE_BYTES_MAX = 1024;

const TYPES: Readonly<Record<string, AofFile['type'] | 'history'>> = { b: 'base', i: 'incr', h: 'history' };

/**
 * The files in the order in which they are read: the base, where there is one, then the increments. Files of type `h` (history) wait for their
 * removal and are left out. Throws FormatError 'malformed' where Redis refuses to start; its message names the line, its offset is the line's.
 *
 *     manifest = { comment | file }
 *     comment  = "#" text LF
 *     file     = "file" name "seq" number "type" ( "b" | "i" | "h" ) { key value } LF      the pairs in any order
 *
 * A name with blanks or bytes that are not printable stands in quotes, with escapes. Grammar: aof.c, aofLoadManifestFromFile.
 */
export function parseManifest(content: Buffer): AofFile[] {
  if (content.length === 0) throw new FormatError('malformed', 'The manifest is empty', 0);
  const incr: AofFile[] = [];
  let base: AofFile | undefined;
  let number = 0;
  for (let start = 0; start < content.length; ) {
    const lineEnd = content.indexOf(0x0a, start);
    const end = lineEnd < 0 ? content.length : lineEnd;
    const fail = refusal(start, ++number);
    if (lineEnd < 0 && content[start] !== 0x23) fail('has no end');
    if (end - start >= LINE_BYTES_MAX) fail('is too long');
    const file = content[start] === 0x23 ? undefined : readLine(content.toString('latin1', start, end), fail);
    if (file?.type === 'base') {
      if (base !== undefined) fail('names a second base file');
      base = file;
    } else if (file !== undefined) {
      if (file.seq <= (incr.at(-1)?.seq ?? 0))
        fail(`has the sequence number ${file.seq}, which is not rising`);
      incr.push(file);
    }
    start = end + 1;
  }
  return base === undefined ? incr : [base, ...incr];
}

type Fail = (what: string) => never;

function refusal(offset: number, line: number): Fail {
  return (what) => {
    throw new FormatError('malformed', `Line ${line} of the manifest ${what}`, offset);
  };
}

/** One file, or undefined for one of type `h`. */
function readLine(line: string, fail: Fail): AofFile | undefined {
  const words = splitWords(line);
  if (words === undefined) fail('has quotes that are not in order');
  if (words.length < 6 || words.length % 2 !== 0) fail('is not `file NAME seq NUMBER type TYPE`');
  const pairs = new Map<string, string>();
  for (let i = 0; i < words.length; i += 2)
    pairs.set((words[i] as string).toLowerCase(), words[i + 1] as string);
  const name = pairs.get('file') ?? '';
  const seq = Number(pairs.get('seq'));
  const type = TYPES[pairs.get('type')?.charAt(0) ?? ''];
  if (name === '' || name.includes('\0')) fail('has no file name');
  if (/[/\\]/.test(name) || name === '.' || name === '..')
    fail('has a path where a file name without a folder is due');
  if (!Number.isSafeInteger(seq) || seq < 1) fail('has no sequence number');
  if (type === undefined) fail('has a type that is none of b, i and h');
  // The file system's names are UTF-8 here; the manifest's bytes came as Latin-1.
  return type === 'history' ? undefined : { name: Buffer.from(name, 'latin1').toString(), seq, type };
}
