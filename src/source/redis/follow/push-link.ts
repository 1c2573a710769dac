import { NaruError } from '../../../errors/errors.ts';
import { encodeCommand, ServerError } from '../../../net/client.ts';
import type { Connection, Reader } from '../../../net/connection.ts';
import { type ElementSink, ElementType, ElementWalker } from '../../../protocol/resp/element-walker.ts';
import { ReplyError } from '../../../protocol/resp/reply.ts';

/** What a server may send unasked: by the first word of an array (RESP2) or a push (RESP3). */
export const PushKind = { NONE: 0, INVALIDATE: 1, MESSAGE: 2, PMESSAGE: 3, OTHER: 4 } as const;

/**
 * Each element of a push behind its first word, as ElementSink tells it: the first word has index 0 at depth 1. Valid only during the call.
 */
export type PushSink = (
  kind: number,
  type: number,
  depth: number,
  index: number,
  buf: Buffer,
  start: number,
  end: number,
) => void;

interface Question {
  resolve(reply: string): void;
  reject(error: Error): void;
}

const SPACE_BYTES = 256 * 1024;
/** The largest bulk string of a server with its usual settings (`proto-max-bulk-len`). */
const ELEMENT_BYTES_MAX = 512 * 1024 * 1024 + 1024;

const INVALIDATE = Buffer.from('invalidate');
const MESSAGE = Buffer.from('message');
const PMESSAGE = Buffer.from('pmessage');

/**
 * A connection on which a server tells things unasked, between the answers to what it is asked.
 *
 * Pushes and answers come in one order, that in which the server wrote them. So an answer is a mark: what came before it was told before.
 */
export class PushLink implements Reader, ElementSink {
  readonly connection: Connection;
  readonly #onPush: PushSink;
  readonly #walker: ElementWalker = new ElementWalker(this);
  readonly #questions: Question[] = [];
  /** the first `#kept` bytes are the beginning of an element */
  #buffer: Buffer = Buffer.allocUnsafeSlow(SPACE_BYTES);
  #kept = 0;
  /** of what is under way at depth 0 */
  #kind: number = PushKind.NONE;
  #inPush = false;
  #answer: string | ReplyError = '';

  /** The connection has no questions open: nobody else reads from it any more. */
  constructor(connection: Connection, onPush: PushSink) {
    this.connection = connection;
    this.#onPush = onPush;
    connection.setReader(this);
    void connection.closed.then((error) => {
      for (const question of this.#questions.splice(0)) question.reject(error);
    });
  }

  /**
   * The answer's text (of an array its last string). Rejects with ServerError for an error reply, and with the connection's NaruError when that is
   * lost.
   */
  ask(...args: (string | number)[]): Promise<string> {
    const { connection } = this;
    if (!connection.isOpen) {
      return Promise.reject(new NaruError('LINK_LOST', 'The connection is closed.', connection));
    }
    return new Promise((resolve, reject) => {
      this.#questions.push({ resolve, reject });
      connection.write(encodeCommand(args));
    });
  }

  space(): Buffer {
    return this.#buffer.subarray(this.#kept);
  }

  received(n: number): void {
    const end = this.#kept + n;
    const next = this.#walker.walk(this.#buffer, 0, end);
    this.#kept = end - next;
    const needed = this.#kept + this.#walker.missing;
    if (needed > ELEMENT_BYTES_MAX) {
      throw new NaruError('BAD_FORMAT', `The source sent ${needed} bytes in one string.`, this.connection);
    }
    if (needed > this.#buffer.length || (this.#kept === 0 && this.#buffer.length > SPACE_BYTES)) {
      const buffer = Buffer.allocUnsafeSlow(Math.max(SPACE_BYTES, needed));
      this.#buffer.copy(buffer, 0, next, end);
      this.#buffer = buffer;
    } else if (next > 0 && this.#kept > 0) {
      this.#buffer.copyWithin(0, next, end);
    }
  }

  begin(type: number, depth: number): void {
    if (depth === 0) this.#inPush = type === ElementType.PUSH;
  }

  element(type: number, depth: number, index: number, buf: Buffer, start: number, end: number): void {
    if (depth === 1 && index === 0) this.#kind = kindOf(buf, start, end, this.#inPush);
    else if (depth > 0 && this.#kind !== PushKind.NONE) {
      this.#onPush(this.#kind, type, depth, index, buf, start, end);
      return;
    }
    if (this.#kind !== PushKind.NONE) return;
    if (type === ElementType.ERROR) this.#answer = new ReplyError(buf.toString('utf8', start, end));
    else if (type !== ElementType.INTEGER || depth === 0) this.#answer = buf.toString('latin1', start, end);
  }

  end(): void {
    const isPush = this.#kind !== PushKind.NONE;
    this.#kind = PushKind.NONE;
    this.#inPush = false;
    if (isPush) return;
    const question = this.#questions.shift();
    const answer = this.#answer;
    if (question === undefined) {
      throw new NaruError('LINK_LOST', 'The source answered something that was not asked.', this.connection);
    }
    if (answer instanceof ReplyError) question.reject(new ServerError(answer.code, answer.message));
    else question.resolve(answer);
  }
}

/** In RESP2 an array with another first word is the answer to SUBSCRIBE, or to PING while subscribed. */
function kindOf(buf: Buffer, start: number, end: number, inPush: boolean): number {
  if (isWord(buf, start, end, INVALIDATE)) return PushKind.INVALIDATE;
  if (isWord(buf, start, end, MESSAGE)) return PushKind.MESSAGE;
  if (isWord(buf, start, end, PMESSAGE)) return PushKind.PMESSAGE;
  return inPush ? PushKind.OTHER : PushKind.NONE;
}

function isWord(buf: Buffer, start: number, end: number, word: Buffer): boolean {
  if (end - start !== word.length) return false;
  for (let i = 0; i < word.length; i++) if (buf[start + i] !== word[i]) return false;
  return true;
}
