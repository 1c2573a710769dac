/** A place in a file. */
export interface FilePlace {
  path: string;
  offset: number;
}

interface Stretch extends FilePlace {
  /** spool offset */
  from: number;
  /** ms since 1970; undefined: the file has told no time */
  writtenAtMs: number | undefined;
}

/**
 * Where the bytes in a spool stood in their files, and when they were written. From one stretch to the next something was left out, another file
 * began, or a time was told.
 */
export class Places {
  readonly #stretches: Stretch[] = [];

  /** What comes at the spool offset `at` and behind it stood at `offset` of a file. */
  add(at: number, path: string, offset: number, writtenAtMs: number | undefined): void {
    const last = this.#stretches.at(-1);
    const isNext = last?.path === path && last.offset + at - last.from === offset;
    if (isNext && last.writtenAtMs === writtenAtMs) return;
    this.#stretches.push({ from: at, path, offset, writtenAtMs });
  }

  /** Undefined: nothing was told of it. */
  at(spoolOffset: number): FilePlace | undefined {
    const found = this.#find(spoolOffset);
    return found && { path: found.path, offset: found.offset + spoolOffset - found.from };
  }

  writtenAtMs(spoolOffset: number): number | undefined {
    return this.#find(spoolOffset)?.writtenAtMs;
  }

  /** Nobody asks for what stands before this spool offset. */
  release(spoolOffset: number): void {
    const first = this.#stretches.findLastIndex(({ from }) => from <= spoolOffset);
    if (first > 0) this.#stretches.splice(0, first);
  }

  #find(spoolOffset: number): Stretch | undefined {
    return this.#stretches.findLast(({ from }) => from <= spoolOffset);
  }
}
