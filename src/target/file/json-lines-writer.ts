import type { EntryView } from '../../protocol/rdb/sink.ts';
import type { ValueKind, ValueSink } from '../../protocol/rdb/value-sink.ts';
import type { BigCommand } from '../../protocol/resp/big-frame.ts';
import type { CommandView } from '../../protocol/resp/command-walker.ts';
import { DecodedSink } from './decoded-sink.ts';
import { type BlockTaker, bytesJson, JsonText } from './json-text.ts';
import { JsonValue } from './json-value.ts';

/**
 * One JSON object a line. JsonValue tells the forms of values; S is a string or `{"base64":"..."}`.
 *
 *     entry     {"db", "key": S, "type", "expireAtMs"?, "idleSeconds"?, "freq"?, "value"}
 *     function  {"type": "function", "code": S}
 *     command   {"command": [S, ...]}                        of an AOF, as it stands there
 *     timestamp {"timestamp": seconds}                       of an AOF: what follows was written then or later
 *
 * A command larger than what is held comes as `{"command": [S, null, ...]}`, where null stands for arguments that were too large.
 */
export class JsonLinesWriter extends DecodedSink {
  readonly #out: JsonText;

  constructor(take: BlockTaker) {
    super();
    this.#out = new JsonText(take);
  }

  override flush(): void {
    this.#out.flush();
  }

  protected value(entry: EntryView): ValueSink {
    const key = bytesJson(entry.keyBuf.subarray(entry.keyStart, entry.keyEnd));
    const { db, expireAtMs, idleSeconds, freq } = entry;
    const begun = (kind: ValueKind): void => {
      const told = [
        expireAtMs < 0 ? '' : `"expireAtMs":${expireAtMs},`,
        idleSeconds < 0 ? '' : `"idleSeconds":${idleSeconds},`,
        freq < 0 ? '' : `"freq":${freq},`,
      ];
      this.#out.raw(`{"db":${db},"key":${key},"type":"${kind}",${told.join('')}"value":`);
    };
    return new JsonValue(this.#out, begun, () => this.#out.raw('}\n'));
  }

  protected library(code: Buffer): void {
    this.#out.raw(`{"type":"function","code":${bytesJson(code)}}\n`);
  }

  override timestamp(seconds: number): void {
    this.#out.raw(`{"timestamp":${seconds}}\n`);
  }

  command(command: CommandView): void {
    this.#out.raw('{"command":[');
    for (let i = 0; i < command.argc; i++) {
      if (i > 0) this.#out.raw(',');
      this.#out.bytes(command.buf, command.argStart[i] as number, command.argEnd[i] as number);
    }
    this.#out.raw(']}\n');
  }

  bigCommand(): void {}
  bigCommandPart(): void {}

  bigCommandEnd(command: BigCommand): void {
    const args = Array.from({ length: command.argc }, (_, i) => {
      const arg = command.kept.get(i);
      return arg === undefined ? 'null' : bytesJson(arg);
    });
    this.#out.raw(`{"command":[${args.join(',')}]}\n`);
  }
}
