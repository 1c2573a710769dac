import { type RespClient, ServerError } from '../../../../net/client.ts';
import type { Reply } from '../../../../protocol/resp/reply.ts';
import { Elsewhere, refusalOf, TypeChanged } from './ask.ts';
import { type Pieces, putField, putScored } from './collections.ts';
import type { PartWriter } from './part-writer.ts';
import type { ValueDigest } from './value-digest.ts';

type Command = (key: Buffer) => (string | Buffer | number)[];

/** Each gives the whole value, at one moment. */
const WHOLE: Readonly<Record<string, Command>> = {
  string: (key) => ['GET', key],
  list: (key) => ['LRANGE', key, 0, -1],
  set: (key) => ['SMEMBERS', key],
  zset: (key) => ['ZRANGE', key, 0, -1, 'WITHSCORES'],
  hash: (key) => ['HGETALL', key],
};

/** Values of many small keys: all types in one round trip, then all values, then the expiries of the fields of hashes. */
export class SmallKeys {
  /** fields of hashes can expire there, as far as is known */
  fieldExpiry: boolean;
  readonly #client: RespClient;
  #keys: readonly Buffer[] = [];
  #types: string[] = [];
  /** undefined: it has to be read by itself */
  #values: (Reply | undefined)[] = [];
  #times: (number[] | undefined)[] = [];

  constructor(client: RespClient, fieldExpiry: boolean) {
    this.#client = client;
    this.fieldExpiry = fieldExpiry;
  }

  async ask(keys: readonly Buffer[]): Promise<void> {
    this.#keys = keys;
    const types = await this.#all(keys.map((key) => ['TYPE', key]));
    this.#types = types.map(String);
    this.#values = await this.#all(keys.map((key, i) => WHOLE[this.#types[i] as string]?.(key)));
    this.#times = [];
    if (this.fieldExpiry) await this.#askTimes();
  }

  async #askTimes(): Promise<void> {
    const commands = this.#keys.map((key, i) => {
      const value = this.#values[i];
      if (this.#types[i] !== 'hash' || !Array.isArray(value) || value.length === 0) return undefined;
      const fields = (value as Buffer[]).filter((_, at) => at % 2 === 0);
      return ['HPEXPIRETIME', key, 'FIELDS', fields.length, ...fields];
    });
    const times = await this.#all(commands, () => {
      this.fieldExpiry = false;
    });
    this.#times = times.map((each) => (Array.isArray(each) ? (each as number[]) : undefined));
  }

  /** An undefined command is not sent. `unknown`: is called where the server does not know it, or refuses it. */
  async #all(
    commands: readonly (readonly (string | Buffer | number)[] | undefined)[],
    unknown?: () => void,
  ): Promise<(Reply | undefined)[]> {
    const calls = commands.map((args) => (args === undefined ? undefined : this.#client.call(...args)));
    const answers = await Promise.allSettled(calls);
    return answers.map((answer, i) => {
      if (answer.status === 'fulfilled') return answer.value;
      const { reason } = answer;
      if (!(reason instanceof ServerError)) throw reason;
      const refusal = refusalOf(this.#client, reason, commands[i] ?? []);
      if (refusal instanceof TypeChanged || refusal instanceof Elsewhere) return undefined;
      if (unknown === undefined || (reason.code !== 'ERR' && reason.code !== 'NOPERM')) throw refusal;
      unknown();
      return undefined;
    });
  }

  /** It had vanished: no server keeps an empty collection. */
  isGone(index: number): boolean {
    const value = this.#values[index];
    return this.#types[index] === 'none' || value === null || (Array.isArray(value) && value.length === 0);
  }

  /** Writes it, unless its digest says that it is as it was; false: it has to be read by itself. */
  put(
    index: number,
    expireAtMs: number,
    { parts, digest, isSame }: { parts: PartWriter; digest: ValueDigest; isSame: () => boolean },
  ): boolean {
    const value = this.#values[index];
    if (value === undefined || value === null) return false;
    const key = this.#keys[index] as Buffer;
    const times = this.#times[index];
    const expiring = times?.some((at) => at >= 0) === true;
    const type = this.#types[index] as 'string' | 'list' | 'set' | 'zset' | 'hash';
    parts.begin(key, expireAtMs, type, expiring);
    digest.begin(type === 'string' || type === 'list');
    putItems({ parts, digest }, type, Buffer.isBuffer(value) ? [value] : (value as Buffer[]), times);
    digest.end();
    if (isSame()) parts.abandon();
    else parts.end();
    return true;
  }
}

function putItems(
  pieces: Pick<Pieces, 'parts' | 'digest'>,
  type: string,
  items: readonly Buffer[],
  times: readonly number[] | undefined,
): void {
  const { parts, digest } = pieces;
  const pairs = type === 'zset' || type === 'hash';
  for (let i = 0; i < items.length; i += pairs ? 2 : 1) {
    const item = items[i] as Buffer;
    if (type === 'zset') putScored(pieces, item, items[i + 1] as Buffer);
    else if (type === 'hash') putField(pieces, item, items[i + 1] as Buffer, times?.[i / 2]);
    else {
      parts.value.element(item, 0, item.length);
      digest.part(item);
      digest.itemEnd();
    }
  }
}
