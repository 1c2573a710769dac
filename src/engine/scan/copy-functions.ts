import type { ResolvedScanOptions } from '../../config/scan-options.ts';
import { isNaruError } from '../../errors/errors.ts';
import { type RespClient, ServerError } from '../../net/client.ts';
import type { RecordWriter } from '../../source/redis/scan/records.ts';
import type { NodeFacts } from '../facts.ts';
import { type Libraries, librariesIn } from './libraries.ts';

/** What FUNCTION DUMP's answer ends with: RDB version (2 bytes, little endian) and checksum. */
const FOOTER_BYTES = 10;

/**
 * Whether a link copies them. All masters have the same, and a library that exists is an error with `fail`, so that there only the first one gives them; and what
 * a live run writes takes the place of what is there.
 */
export function givesFunctions(
  { functions, live, onConflict }: Pick<ResolvedScanOptions, 'functions' | 'live' | 'onConflict'>,
  isFirst: boolean,
): boolean {
  if (functions === 'skip') return false;
  if (live) return onConflict !== 'skip' && onConflict !== 'fail';
  return onConflict !== 'fail' || isFirst;
}

/**
 * Writes the source's function libraries into the records, between keys: before the first one, and whenever all keys are read once more.
 *
 *     payload = { 245 library } version crc64        (redis/src/functions.c, functionDumpCommand; the same records as in an RDB)
 */
export class FunctionCopier {
  readonly #facts: NodeFacts;
  readonly #hangsUp: boolean;
  readonly #libraries: Libraries | undefined;
  #last: Buffer = Buffer.alloc(0);

  /** `hangsUp`: it may close the connection at what it does not know, as some proxies do. `libraries`: what the source has no more is removed. */
  constructor(facts: NodeFacts, hangsUp: boolean, libraries: Libraries | undefined) {
    this.#facts = facts;
    this.#hangsUp = hangsUp;
    this.#libraries = libraries;
  }

  /** Returns what has to be said where the source does not give them, and has some or may have some. Rejects with NaruError where the connection is lost. */
  async copy(client: RespClient, records: RecordWriter): Promise<string | undefined> {
    const answer = await dump(client, this.#hangsUp);
    if (typeof answer === 'string') return doubtOf(answer, this.#facts);
    const end = answer.length - FOOTER_BYTES;
    if (end < 0 || answer.equals(this.#last)) return undefined;
    this.#last = answer;
    records.version(answer.readUInt16LE(end));
    // Before the others, one of which may have its functions now.
    for (const name of this.#libraries?.now(this, librariesIn(answer, end)) ?? []) records.unload(name);
    records.functions(answer, 0, end);
    records.flush();
    return undefined;
  }
}

/** The payload, or why there is none. */
async function dump(client: RespClient, hangsUp: boolean): Promise<Buffer | string> {
  try {
    const answer = await client.call('FUNCTION', 'DUMP');
    return Buffer.isBuffer(answer) ? answer : 'not what was expected';
  } catch (error) {
    if (error instanceof ServerError) return error.text;
    if (hangsUp && isNaruError(error) && error.code === 'LINK_LOST') return 'it closed the connection';
    throw error;
  }
}

/** Whoever does not know the command has no libraries, and INFO of Redis 7 says how many there are. */
function doubtOf(refusal: string, { version, functionLibraries }: NodeFacts): string | undefined {
  const mayHave = version === '?' && !/unknown (sub)?command/i.test(refusal);
  if (functionLibraries === 0 && !mayHave) return undefined;
  const some =
    functionLibraries > 0 ? `${functionLibraries} function libraries` : 'function libraries, if any,';
  return `The source's ${some} are not copied: it refuses FUNCTION DUMP (${refusal}).`;
}
