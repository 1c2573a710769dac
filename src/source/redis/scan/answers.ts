import { type RespClient, ServerError } from '../../../net/client.ts';
import type { Abilities } from './abilities.ts';
import type { Batch } from './batch.ts';
import { isElsewhere } from './refusal.ts';
import type { ReplyBuffer } from './reply-buffer.ts';

const STAR = 0x2a;

/** TIME's `[seconds, microseconds]` as ms since 1970; the answer at `at` is whole and ends at `end`. */
export function clockAt(input: ReplyBuffer, at: number, end: number): number {
  const secondsAt = input.line(at) + 1;
  const secondsLine = input.line(secondsAt);
  const secondsEnd = secondsLine + 1 + input.number(secondsAt, secondsLine);
  const microsLine = input.line(secondsEnd + 2);
  const seconds = Number(input.buf.toString('latin1', secondsLine + 1, secondsEnd));
  const micros = Number(input.buf.toString('latin1', microsLine + 1, end - 2));
  return seconds * 1000 + Math.floor(micros / 1000);
}

/** SCAN's `[cursor, [key ...]]`, whole and ending at `end`: puts those keys into the batch that are new, and returns the cursor. */
export function stepAt(
  input: ReplyBuffer,
  at: number,
  end: number,
  batch: Batch,
  isNew: (buf: Buffer, start: number, end: number) => boolean,
): string {
  if (input.buf[at] !== STAR) throw input.bad(at);
  const cursorAt = input.line(at) + 1;
  const cursorLine = input.line(cursorAt);
  const cursorEnd = cursorLine + 1 + input.number(cursorAt, cursorLine);
  const listLine = input.line(cursorEnd + 2);
  for (let pos = listLine + 1; pos < end; ) {
    const line = input.line(pos);
    const stop = line + 1 + input.number(pos, line);
    if (isNew(input.buf, line + 1, stop)) batch.add(input.buf, line + 1, stop);
    pos = stop + 2;
  }
  return input.buf.toString('latin1', cursorLine + 1, cursorEnd);
}

/** When keys expire, ms since 1970; -1: never, or it is not there, or not here. Rejects as RespClient does. */
export async function askExpiries(
  client: RespClient,
  keys: readonly Buffer[],
  { expireTime, time }: Abilities,
): Promise<number[]> {
  const clock = time && !expireTime ? client.call('TIME') : undefined;
  const answers = await Promise.allSettled([
    clock,
    ...keys.map((key) => client.call(expireTime ? 'PEXPIRETIME' : 'PTTL', key)),
  ]);
  const [told, ...left] = answers.map((answer) => {
    if (answer.status === 'fulfilled') return answer.value;
    if (answer.reason instanceof ServerError && isElsewhere(answer.reason.text)) return -1;
    throw answer.reason;
  });
  const [seconds, micros] = (told ?? []) as Buffer[];
  const clockMs = told ? Number(seconds) * 1000 + Math.floor(Number(micros) / 1000) : Date.now();
  return left.map((ms) => (Number(ms) < 0 ? -1 : Number(ms) + (expireTime ? 0 : clockMs)));
}
