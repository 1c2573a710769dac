import { HeldString } from '../../protocol/rdb/held-string.ts';
import { OP_FUNCTION_2 } from '../../protocol/rdb/types.ts';

/** The first line of a library's code; redis/src/functions.c, functionExtractLibMetaData. */
const NAME = /^#![^\n]*\sname=["']?(\w+)/i;

/**
 * The names of the libraries in what FUNCTION DUMP gives, up to its footer at `end`.
 *
 *     payload = { 245 code (a string as in an RDB) } footer        code = "#!" engine " name=" name "\n" ...
 */
export function librariesIn(payload: Buffer, end: number): string[] {
  const names: string[] = [];
  const string = new HeldString();
  for (let pos = 0; pos < end && payload[pos] === OP_FUNCTION_2; pos = string.next) {
    if (!string.read(payload, pos + 1, end, 0)) break;
    const name = NAME.exec(string.buf.toString('latin1', string.start, string.end))?.[1];
    if (name !== undefined) names.push(name);
  }
  return names;
}

/** Which function libraries the nodes of a source had when they were asked last; what a run has written was among them. */
export class Libraries {
  readonly #byNode = new Map<object, readonly string[]>();

  /** A node has these now. Returns those that it had, and that no node has any more. */
  now(node: object, names: readonly string[]): string[] {
    const had = this.#byNode.get(node) ?? [];
    this.#byNode.set(node, names);
    const left = new Set([...this.#byNode.values()].flat());
    return had.filter((name) => !left.has(name));
  }
}
