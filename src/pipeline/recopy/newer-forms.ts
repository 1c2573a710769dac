import type { Readable } from '../../protocol/rdb/transcode/readable.ts';
import { VALKEY_VERSION_MIN } from '../../protocol/rdb/types.ts';
import type { CommandView } from '../../protocol/resp/command-walker.ts';
import { isWord, NameIndex } from '../keys/name-index.ts';

/**
 * Options that commands got later than their names, as a server puts them into its stream (the `since` of each argument in
 * src/commands/*.json of Redis): the version that brought them as major * 100 + minor, the command, the argument from which they are
 * looked for. What got another count of arguments is in the servers' own tables.
 *
 * PXAT is not here: a SET with it is written in an older form (expiries.ts).
 */
const FORMS: readonly (readonly [since: number, command: string, from: number, words: string])[] = [
  [300, 'ZADD', 2, 'NX XX CH INCR'],
  [600, 'SET', 3, 'KEEPTTL'],
  [602, 'SET', 3, 'GET'],
  [602, 'ZADD', 2, 'GT LT'],
  [602, 'GEOADD', 2, 'NX XX CH'],
  [602, 'XADD', 2, 'NOMKSTREAM MINID LIMIT'],
  [602, 'XTRIM', 2, 'MINID LIMIT'],
  [602, 'XGROUP', 1, 'CREATECONSUMER'],
  [700, 'XGROUP', 5, 'ENTRIESREAD'],
  [802, 'XADD', 2, 'KEEPREF DELREF ACKED'],
  [802, 'XTRIM', 2, 'KEEPREF DELREF ACKED'],
  [802, 'BITOP', 1, 'DIFF DIFF1 ANDOR ONE'],
  [804, 'SET', 3, 'IFEQ IFNE IFDEQ IFDNE'],
];

/** RESTORE with ABSTTL, without which an expiry can not be given as it is meant. */
const ABSOLUTE_RESTORE = 500;
/** Options stand in front: behind so many arguments there are fields and members only. */
const ARGUMENTS_MAX = 10;

interface Form {
  readonly from: number;
  readonly words: readonly Buffer[];
}

/**
 * Tells of commands that a target would refuse although it knows their names and counts of arguments, since it is older than the source. A
 * member or value that reads like an option counts as one: it is copied then, which is slower and not wrong.
 */
export class NewerForms {
  readonly #forms = new NameIndex<Form[]>();
  readonly #readable: Readable;
  /** RESTORE is to be looked at: the target does not take each payload of the source, or not each way to say when it expires */
  readonly #restores: 'as they are' | 'by payload' | 'none';

  /** `source`, `target`: the Redis whose options each of them has, as major * 100 + minor. */
  constructor(source: number, target: number, readable: Readable) {
    this.#readable = readable;
    const older = target < source;
    this.#restores = !older ? 'as they are' : target < ABSOLUTE_RESTORE ? 'none' : 'by payload';
    for (const [since, command, from, words] of FORMS) {
      if (since <= target || since > source) continue;
      const name = Buffer.from(command);
      if (this.#formsOf(name, 0, name.length) === undefined) this.#forms.add(command, []);
      const form = { from, words: words.split(' ').map((word) => Buffer.from(word)) };
      this.#formsOf(name, 0, name.length)?.push(form);
    }
  }

  /** The target is as new as the source: there is nothing to look at. */
  get none(): boolean {
    return this.#forms.size === 0 && this.#restores === 'as they are';
  }

  has(command: CommandView): boolean {
    const { buf, argStart, argEnd } = command;
    const start = argStart[0] as number;
    const end = argEnd[0] as number;
    if (this.#restores !== 'as they are' && isRestore(buf, start, end)) return !this.#restorable(command);
    const forms = this.#formsOf(buf, start, end);
    if (forms === undefined) return false;
    for (let i = 0; i < forms.length; i++) if (hasWord(command, forms[i] as Form)) return true;
    return false;
  }

  #formsOf(buf: Buffer, start: number, end: number): Form[] | undefined {
    return this.#forms.get(buf, start, end);
  }

  /** `RESTORE key ttl payload ...`; the payload's version stands in front of its checksum of eight bytes (cluster.c, createDumpPayload). */
  #restorable({ buf, argc, argStart, argEnd }: CommandView): boolean {
    if (this.#restores === 'none' || argc < 4) return false;
    const versionAt = (argEnd[3] as number) - 10;
    // One that passed by is not there to be looked at.
    if (versionAt < (argStart[3] as number)) return false;
    const version = buf.readUInt16LE(versionAt);
    return version >= VALKEY_VERSION_MIN ? this.#readable.valkey : version <= this.#readable.redis;
  }
}

const RESTORE = Buffer.from('RESTORE');
const RESTORE_ASKING = Buffer.from('RESTORE-ASKING');

function isRestore(buf: Buffer, start: number, end: number): boolean {
  return isWord(buf, start, end, RESTORE) || isWord(buf, start, end, RESTORE_ASKING);
}

function hasWord({ buf, argc, argStart, argEnd }: CommandView, { from, words }: Form): boolean {
  const end = Math.min(argc, ARGUMENTS_MAX);
  for (let index = from; index < end; index++) {
    for (let i = 0; i < words.length; i++) {
      if (isWord(buf, argStart[index] as number, argEnd[index] as number, words[i] as Buffer)) return true;
    }
  }
  return false;
}
