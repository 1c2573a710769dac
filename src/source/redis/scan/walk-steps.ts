import type { Output } from '../../../protocol/resp/output.ts';
import { stepAt } from './answers.ts';
import type { Batch } from './batch.ts';
import type { ScanWalk } from './cursors.ts';
import type { ReplyBuffer } from './reply-buffer.ts';
import type { ToldKeys } from './told-keys.ts';

/** The steps of one walk through one database, one under way at a time: each needs the cursor of the one before. */
export class WalkSteps {
  #walk: ScanWalk | undefined;
  #db = 0;
  /** undefined: the walk has come to its end */
  #cursor: string | undefined;
  #underWay = false;
  readonly #told: ToldKeys | undefined;
  /** keys of the walks before this one, and of this one */
  #before = 0;
  #keys = 0;

  /** `told`: a key that is told twice is left out */
  constructor(told: ToldKeys | undefined) {
    this.#told = told;
  }

  /** Keys that were told; without `told` one that was told twice counts twice, but not those of a walk that began anew. */
  get keys(): number {
    return this.#before + this.#keys;
  }

  forgetKeys(): void {
    this.#before = 0;
    this.#keys = 0;
    this.#told?.clear();
  }

  begin(walk: ScanWalk, db: number, cursor: string): void {
    this.#before += this.#keys;
    this.#keys = 0;
    this.#walk = walk;
    this.#db = db;
    this.#cursor = cursor;
  }

  startOver(): void {
    if (this.#told === undefined) this.#keys = 0;
    if (this.#cursor !== undefined) this.#cursor = '0';
  }

  get ended(): boolean {
    return this.#cursor === undefined;
  }

  get due(): boolean {
    return this.#cursor !== undefined && !this.#underWay;
  }

  /** What was asked is not answered any more. */
  drop(): void {
    this.#underWay = false;
  }

  ask(output: Output, count: number): void {
    this.#underWay = true;
    const step = (this.#walk as ScanWalk).step(this.#cursor as string, count);
    output.begin(step.length);
    for (const arg of step) output.argText(String(arg));
  }

  /** Takes the answer at `at` into an empty batch; returns the place behind it, or -1 if it is not whole. */
  take(input: ReplyBuffer, at: number, batch: Batch): number {
    const end = input.skip(at);
    if (end < 0) return -1;
    const cursor = stepAt(input, at, end, batch, this.#isNew);
    this.#keys += batch.count;
    const ended = cursor === '0';
    batch.place = { db: this.#db, walk: this.#walk?.name ?? '', cursor: ended ? '' : cursor };
    this.#cursor = ended ? undefined : cursor;
    this.#underWay = false;
    return end;
  }

  readonly #isNew = (buf: Buffer, start: number, end: number): boolean =>
    this.#told?.isNew(this.#db, buf, start, end) !== false;
}
