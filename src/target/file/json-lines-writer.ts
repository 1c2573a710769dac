import type { EntryView } from '../../protocol/rdb/sink.ts';
import type { ValueKind, ValueSink } from '../../protocol/rdb/value-sink.ts';
import type { BigCommand } from '../../protocol/resp/big-frame.ts';
import type { CommandView } from '../../protocol/resp/command-walker.ts';
import type { BlockWriter } from '../../protocol/resp/output.ts';
import { DecodedSink } from './decoded-sink.ts';
import { JsonText } from './json-text.ts';
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
  readonly #value: JsonValue;
  /** of the entry under way */
  #expireAtMs = -1;
  #idleSeconds = -1;
  #freq = -1;

  constructor(write: BlockWriter) {
    super();
    const out = new JsonText(write);
    this.#out = out;
    this.#value = new JsonValue(
      out,
      (kind) => this.#begun(kind),
      () => out.raw('}\n'),
    );
  }

  override flush(): void {
    this.#out.flush();
  }

  protected value(entry: EntryView): ValueSink {
    this.#expireAtMs = entry.expireAtMs;
    this.#idleSeconds = entry.idleSeconds;
    this.#freq = entry.freq;
    this.#out.raw('{"db":');
    this.#out.integer(entry.db);
    this.#out.raw(',"key":');
    this.#out.bytes(entry.keyBuf, entry.keyStart, entry.keyEnd);
    return this.#value;
  }

  #begun(kind: ValueKind): void {
    this.#out.raw(',"type":"');
    this.#out.raw(kind);
    this.#out.raw('"');
    this.#told(',"expireAtMs":', this.#expireAtMs);
    this.#told(',"idleSeconds":', this.#idleSeconds);
    this.#told(',"freq":', this.#freq);
    this.#out.raw(',"value":');
  }

  #told(name: string, n: number): void {
    if (n < 0) return;
    this.#out.raw(name);
    this.#out.integer(n);
  }

  protected library(code: Buffer): void {
    this.#out.raw('{"type":"function","code":');
    this.#out.bytes(code, 0, code.length);
    this.#out.raw('}\n');
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
    this.#out.raw('{"command":[');
    for (let i = 0; i < command.argc; i++) {
      const arg = command.kept.get(i);
      if (i > 0) this.#out.raw(',');
      if (arg === undefined) this.#out.raw('null');
      else this.#out.bytes(arg, 0, arg.length);
    }
    this.#out.raw(']}\n');
  }
}
