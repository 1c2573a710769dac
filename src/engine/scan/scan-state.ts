import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { ruleSpecs } from '../../config/rules-of-options.ts';
import type { ResolvedScanOptions } from '../../config/scan-options.ts';
import { NaruError } from '../../errors/errors.ts';
import { describeSlots, type Topology } from '../../net/topology/topology.ts';
import { describeEndpoint } from '../../net/url.ts';
import type { ScanPlace } from '../../source/redis/scan/batch.ts';
import { fileName } from '../assembly.ts';

/** Where the links of a scan stand, as far as the target has acknowledged. */
export interface LinkState {
  /** names the process that the cursors belong to; empty: it does not say */
  readonly runId: string;
  readonly place: ScanPlace;
}

interface StateText {
  version: 1;
  /** which keys are read, and what becomes of them */
  of: string;
  /** of a cluster: whose the slots were when the run began */
  slots: string;
  links: Record<string, LinkState>;
}

/** So often at most is the state written. */
const EVERY_MS = 1000;

/** The state of a scan on disk. It is replaced as a whole, so what is there is always one that was true. */
export class ScanState {
  readonly #path: string;
  readonly #of: string;
  #slots = '';
  readonly #read: () => ReadonlyMap<string, LinkState>;
  #timer: NodeJS.Timeout | undefined;
  #writing: Promise<void> = Promise.resolve();
  #failure: NaruError | undefined;

  /** `read` says where the links stand. */
  constructor(options: ResolvedScanOptions, read: () => ReadonlyMap<string, LinkState>) {
    const name = fileName(`${describeEndpoint(options.from)}--${describeEndpoint(options.to)}`);
    this.#path = path.join(options.dir, `${name}.scan.json`);
    this.#of = choiceOf(options);
    this.#read = read;
  }

  /** The source as it is now, at the beginning. */
  at({ kind, nodes }: Topology): void {
    if (kind !== 'cluster') return;
    const owners = nodes.filter(({ slots }) => slots.length > 0);
    this.#slots = owners.map(({ id, slots }) => `${id} ${describeSlots(slots)}`).join('; ');
  }

  /** What an earlier run left, without its places where slots have moved since: a cursor says nothing of keys that came. undefined: nothing. Rejects with NaruError FILE_UNREADABLE, CONFIG_INVALID where it read other keys. */
  async load(): Promise<ReadonlyMap<string, LinkState> | undefined> {
    const text = await this.#readText();
    if (text === undefined) return undefined;
    if (text.of === this.#of) return new Map(text.slots === this.#slots ? Object.entries(text.links) : []);
    const why = `resume: the run that left ${this.#path} had another --keys-file or other rules, so its place means nothing here; give the same, or begin anew without it`;
    throw new NaruError('CONFIG_INVALID', why, { side: 'config' });
  }

  async #readText(): Promise<StateText | undefined> {
    try {
      const text = JSON.parse(await readFile(this.#path, 'utf8')) as StateText;
      if (text.version !== 1) throw new Error('it is of another version');
      return text;
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
    const text: StateText = {
      version: 1,
      of: this.#of,
      slots: this.#slots,
      links: Object.fromEntries(this.#read()),
    };
    const draft = `${this.#path}.new`;
    try {
      await writeFile(draft, `${JSON.stringify(text)}\n`, { mode: 0o600, flush: true });
      await rename(draft, this.#path);
    } catch (error) {
      throw new NaruError('FILE_UNWRITABLE', `The state can not be written: ${(error as Error).message}`);
    }
  }
}

/** A place is a cursor of SCAN or an offset in one file, and behind it lies what the rules of that run made of the keys. */
function choiceOf(options: ResolvedScanOptions): string {
  const { keysFile, from, transform } = options;
  const file = keysFile === undefined ? [] : [path.resolve(keysFile), from.db];
  return JSON.stringify([file, ruleSpecs(options) ?? [], transform ?? '']);
}
