/**
 * A module of the user's own (`--transform ./rules.mjs`): functions that are asked about each entry, command and name. They are synchronous, and
 * what they get is theirs.
 */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Script } from 'node:vm';
import { Worker } from 'node:worker_threads';
import { NaruError } from '../errors/errors.ts';
import { printable } from '../errors/printable.ts';
import type { TypeName } from './rule.ts';

export interface TransformEntry {
  readonly db: number;
  readonly key: Buffer;
  readonly type: TypeName;
  /** ms since 1970; -1: it does not expire */
  readonly expireAtMs: number;
}

export interface TransformCommand {
  readonly db: number;
  /** in capitals */
  readonly name: string;
  /** the name is the first one */
  readonly args: readonly Buffer[];
}

/** `undefined` and true: as it is; `null` and false: left out. */
export interface TransformModule {
  entry?(entry: TransformEntry): { expireAtMs: number } | boolean | null | undefined;
  command?(command: TransformCommand): { args: readonly (Buffer | string)[] } | boolean | null | undefined;
  /** The key's name in the target; the same one for the same key each time. */
  rename?(key: Buffer, db: number): Buffer | string | undefined;
}

/** What `Transform.entry` says where an entry is left out. */
export const LEFT_OUT: number = Number.NaN;

/** No function may take longer; it is broken off then. */
const CALL_MS = 2000;
const LOAD_MS = 10_000;
const NAMES: readonly string[] = ['entry', 'command', 'rename'];

let pending: () => unknown = () => undefined;
const SLOT = Symbol.for('naru.transform');
const runner = new Script('globalThis[Symbol.for("naru.transform")]()');
Object.defineProperty(globalThis, SLOT, { value: () => pending() });

/** Rejects with NaruError CONFIG_INVALID. `loadMs`: how long the module may take to load. */
export async function loadTransform(
  path: string,
  skipErrors: boolean,
  loadMs: number = LOAD_MS,
): Promise<Transform> {
  const { href } = pathToFileURL(resolve(path));
  try {
    await tryLoading(href, loadMs);
    return new Transform(checked((await import(href)) as Record<string, unknown>), skipErrors);
  } catch (error) {
    const isGone = (error as NodeJS.ErrnoException).code === 'ERR_MODULE_NOT_FOUND' && !existsSync(path);
    const why = isGone ? 'there is no such file' : (error as Error).message;
    const text = `transform: ${path} can not be used: ${why}`;
    throw new NaruError('CONFIG_INVALID', text, { side: 'config' }, { cause: error });
  }
}

/**
 * Loads a module once in a thread of its own. A loop at its top level would hold up this thread for ever, with its timers and signals; that one
 * can be ended. Rejects with what the module throws.
 */
async function tryLoading(href: string, ms: number): Promise<void> {
  const worker = new Worker(TRY, { eval: true, workerData: href, stdout: true, stderr: true });
  const timer = setTimeout(() => void worker.terminate(), ms);
  try {
    await new Promise<void>((loaded, fail) => {
      worker.once('message', loaded);
      worker.once('error', fail);
      // Ended by us, or by itself: nothing more was to be done there, and what the module waits for never comes.
      worker.once('exit', () => fail(new Error('it does not come to an end')));
    });
  } finally {
    clearTimeout(timer);
    await worker.terminate();
  }
}

const TRY = `const { parentPort, workerData } = require('node:worker_threads');
import(workerData).then(() => parentPort.postMessage(''));`;

function checked(loaded: Record<string, unknown>): TransformModule {
  const names = Object.keys(loaded);
  const wrong = names.find((name) => !NAMES.includes(name));
  if (wrong !== undefined) throw new Error(`${wrong} is none of the functions entry, command and rename`);
  const no = names.find((name) => typeof loaded[name] !== 'function');
  if (no !== undefined) throw new Error(`${no} is no function`);
  if (names.length === 0) throw new Error('it exports none of the functions entry, command and rename');
  return loaded;
}

/** Calls the functions, and takes nothing from them that can not be meant. */
export class Transform {
  readonly #module: TransformModule;
  readonly #skipErrors: boolean;
  #isWatched = false;
  /** what is called, and about which key */
  #name = '';
  #key: Buffer = Buffer.alloc(0);
  /** entries and commands at which a function failed, and that were left out */
  rejected = 0;
  /** a function failed at what was asked last */
  failed = false;

  constructor(module: TransformModule, skipErrors: boolean) {
    this.#module = module;
    this.#skipErrors = skipErrors;
  }

  get ofEntries(): boolean {
    return this.#module.entry !== undefined;
  }

  get ofCommands(): boolean {
    return this.#module.command !== undefined;
  }

  get renames(): boolean {
    return this.#module.rename !== undefined;
  }

  /** When the entry is to expire, ms since 1970, -1: never; LEFT_OUT: it is not copied. */
  entry(db: number, key: Buffer, type: TypeName, expireAtMs: number): number {
    const given = { db, key: Buffer.from(key), type, expireAtMs };
    return this.#guarded('entry', key, LEFT_OUT, () => {
      const result = this.#module.entry?.(given);
      if (result === undefined || result === true) return expireAtMs;
      if (result === null || result === false) return LEFT_OUT;
      const at = (result as { expireAtMs?: unknown }).expireAtMs;
      if (Object.keys(result).join() === 'expireAtMs' && Number.isSafeInteger(at) && (at as number) >= -1) {
        return at as number;
      }
      throw nonsense(result, 'true, false or { expireAtMs }');
    });
  }

  /** The arguments that take the place of the command's; undefined: it is left out. */
  command(db: number, args: readonly Buffer[]): readonly Buffer[] | undefined {
    const name = (args[0] as Buffer).toString('latin1').toUpperCase();
    return this.#guarded('command', args[1] ?? (args[0] as Buffer), undefined, () => {
      const result = this.#module.command?.({ db, name, args: args.map((arg) => Buffer.from(arg)) });
      if (result === undefined || result === true) return args;
      if (result === null || result === false) return undefined;
      const own = (result as { args?: unknown }).args;
      if (
        Array.isArray(own) &&
        own.length > 0 &&
        own.every((arg) => Buffer.isBuffer(arg) || typeof arg === 'string')
      ) {
        return own.map((arg: Buffer | string) => Buffer.from(arg as string));
      }
      throw nonsense(result, 'true, false or { args }');
    });
  }

  /** Undefined: the name stays. Where the function fails there is no name to go on with: that ends the run. */
  rename(key: Buffer, db: number): Buffer | undefined {
    return this.#called('rename', key, () => {
      const result = this.#module.rename?.(Buffer.from(key), db);
      if (result === undefined) return undefined;
      if (Buffer.isBuffer(result) || typeof result === 'string') return Buffer.from(result as string);
      throw nonsense(result, 'a Buffer, a string or undefined');
    });
  }

  #guarded<T>(name: string, key: Buffer, rejected: T, call: () => T): T {
    try {
      return this.#called(name, key, call);
    } catch (error) {
      if (!this.#skipErrors || !(error as NaruError).message.includes(FAILED)) throw error;
      this.rejected++;
      this.failed = true;
      return rejected;
    }
  }

  /**
   * Does some work, in which the functions are called many times, under one watch: to begin one takes longer than most functions do. Throws what the
   * work throws, and NaruError TRANSFORM_FAILED where a function does not return: the work is broken off then, and nothing can go on from it.
   */
  watched(work: () => void): void {
    this.#isWatched = true;
    pending = work;
    try {
      runner.runInThisContext({ timeout: CALL_MS });
    } catch (error) {
      throw (error as NodeJS.ErrnoException).code === TIMEOUT ? this.#failed(LATE, error) : error;
    } finally {
      this.#isWatched = false;
    }
  }

  /** Throws NaruError TRANSFORM_FAILED. */
  #called<T>(name: string, key: Buffer, call: () => T): T {
    this.#name = name;
    this.#key = key;
    this.failed = false;
    try {
      if (this.#isWatched) return call();
      pending = call;
      return runner.runInThisContext({ timeout: CALL_MS }) as T;
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      throw this.#failed(code === TIMEOUT ? LATE : `${FAILED}: ${message}`, error);
    }
  }

  #failed(why: string, cause: unknown): NaruError {
    const place = { key: printable(this.#key) };
    return new NaruError('TRANSFORM_FAILED', `transform: ${this.#name} ${why}`, place, { cause });
  }
}

const FAILED = 'failed';
const LATE = `did not return within ${CALL_MS} ms`;
const TIMEOUT = 'ERR_SCRIPT_EXECUTION_TIMEOUT';

function nonsense(result: unknown, allowed: string): Error {
  const isPromise = typeof (result as { then?: unknown } | null)?.then === 'function';
  const what = isPromise ? 'a promise, and is to be synchronous' : typeof result;
  return new Error(`it returned ${what}; allowed: ${allowed}`);
}
