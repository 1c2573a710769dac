import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { NaruError } from '../../errors/errors.ts';
import type { ScanPlace } from '../../source/redis/scan/batch.ts';

/** Where the links of a scan stand, as far as the target has acknowledged. */
export interface LinkState {
  /** names the process that the cursors belong to; empty: it does not say */
  readonly runId: string;
  readonly place: ScanPlace;
}

interface StateText {
  version: 1;
  links: Record<string, LinkState>;
}

/** So often at most is the state written. */
const EVERY_MS = 1000;

/** The state of a scan on disk. It is replaced as a whole, so what is there is always one that was true. */
export class ScanState {
  readonly #path: string;
  readonly #read: () => ReadonlyMap<string, LinkState>;
  #timer: NodeJS.Timeout | undefined;
  #writing: Promise<void> = Promise.resolve();
  #failure: NaruError | undefined;

  /** `read` says where the links stand. */
  constructor(path: string, read: () => ReadonlyMap<string, LinkState>) {
    this.#path = path;
    this.#read = read;
  }

  /** What an earlier run left; undefined: nothing. Rejects with NaruError FILE_UNREADABLE. */
  async load(): Promise<ReadonlyMap<string, LinkState> | undefined> {
    try {
      const text = JSON.parse(await readFile(this.#path, 'utf8')) as StateText;
      if (text.version !== 1) throw new Error('it is of another version');
      return new Map(Object.entries(text.links));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw new NaruError('FILE_UNREADABLE', `The state in ${this.#path}: ${(error as Error).message}`);
    }
  }

  begin(onFailure: (error: NaruError) => void): void {
    this.#timer = setInterval(() => {
      this.save().catch((error: NaruError) => {
        if (this.#failure === undefined) onFailure(error);
        this.#failure = error;
      });
    }, EVERY_MS);
  }

  /** Rejects with NaruError FILE_UNWRITABLE. */
  save(): Promise<void> {
    this.#writing = this.#writing.catch(() => {}).then(() => this.#write());
    return this.#writing;
  }

  /** Nothing is left to be resumed. */
  async remove(): Promise<void> {
    this.stop();
    await this.#writing.catch(() => {});
    await rm(this.#path, { force: true });
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  async #write(): Promise<void> {
    const text: StateText = { version: 1, links: Object.fromEntries(this.#read()) };
    const draft = `${this.#path}.new`;
    try {
      await writeFile(draft, `${JSON.stringify(text)}\n`, { mode: 0o600, flush: true });
      await rename(draft, this.#path);
    } catch (error) {
      throw new NaruError('FILE_UNWRITABLE', `The state can not be written: ${(error as Error).message}`);
    }
  }
}
