import { Random } from './random.ts';
import type { RedisServer } from './redis-server.ts';
import { ReplyError } from './reply-parser.ts';
import type { Arg, RespClient } from './resp-client.ts';
import { FAMILIES } from './write-commands.ts';
import { DATABASES, type Family } from './write-values.ts';

export interface WriterOptions {
  seed?: number;
  /** commands a second; without it as fast as the server answers */
  rate?: number;
  /** commands in one pipeline, about */
  batch?: number;
  /** databases 0 to databases - 1 */
  databases?: number;
  /** commands of the caller's own, put into each pipeline */
  extra?: (random: Random) => Arg[][];
  /** leaves out commands, or groups that belong together */
  keep?: (commands: readonly Arg[][]) => boolean;
}

/**
 * Errors that commands on keys chosen at random meet as a matter of course. A command that is malformed is not among them.
 * (WRONGTYPE does not occur: keys are named for their type.)
 */
const EXPECTED =
  /^(ERR no such key|BUSYGROUP|NOGROUP|ERR index out of range|ERR The ID specified in X(ADD|SETID)|ERR source and destination objects are the same|ERR (increment|decrement|hash value|value) .*(overflow|integer|float)|ERR resulting score is not a number|ERR The XGROUP subcommand requires the key|ERR value is not a valid float)/;

/** Changes a server with commands of every type until it is stopped. The same seed makes the same commands. */
export class Writer {
  /** commands that were answered without an error, by their name */
  readonly counts: Map<string, number> = new Map();
  /** expected errors, by their first word */
  readonly errors: Map<string, number> = new Map();
  readonly #server: RedisServer;
  readonly #options: Required<Omit<WriterOptions, 'extra' | 'keep'>> & Pick<WriterOptions, 'extra' | 'keep'>;
  readonly #random: Random;
  #families: readonly Family[] = [];
  #client: RespClient | undefined;
  #running: Promise<void> | undefined;
  #stopping = false;
  #onPaused: (() => void) | undefined;
  #resume: (() => void) | undefined;
  #wake: () => void = () => {};
  #waiters: { written: number; resolve: () => void; reject: (error: Error) => void }[] = [];
  #written = 0;

  constructor(server: RedisServer, options: WriterOptions = {}) {
    this.#server = server;
    this.#options = { seed: 1, rate: Number.POSITIVE_INFINITY, batch: 100, databases: DATABASES, ...options };
    this.#random = new Random(this.#options.seed);
  }

  /** commands answered so far */
  get written(): number {
    return this.#written;
  }

  /** Resolves when the connection is up and writing has begun. */
  async start(): Promise<void> {
    this.#client = await this.#server.connect();
    const version = (await this.#server.info('server')).get('redis_version') ?? '0.0';
    const [major, minor] = version.split('.').map(Number) as [number, number];
    this.#families = FAMILIES.filter((family) => (family.since ?? 0) <= major * 100 + minor);
    this.#stopping = false;
    this.#running = this.#loop();
    // Whoever calls stop() or until() sees the failure; it must not end the process before.
    this.#running.catch(() => undefined);
  }

  /** Resolves when `commands` more commands have been answered; rejects when the writer fails first. */
  until(commands: number): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiters.push({ written: this.#written + commands, resolve, reject });
      this.#running?.catch(reject);
    });
  }

  /** Resolves when all that was sent is answered; no more is sent until `resume`. */
  pause(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#onPaused = resolve;
      this.#wake();
      this.#running?.catch(reject);
    });
  }

  resume(): void {
    this.#resume?.();
  }

  /** Resolves when every command that was sent has its reply. Throws what the writer failed with. */
  async stop(): Promise<void> {
    this.#stopping = true;
    this.#wake();
    this.#resume?.();
    try {
      await this.#running;
    } finally {
      this.#client?.close();
    }
  }

  async #loop(): Promise<void> {
    const client = this.#client as RespClient;
    let begin = performance.now();
    let writtenBefore = this.#written;
    while (!this.#stopping) {
      if (this.#onPaused !== undefined) {
        await this.#rest(this.#onPaused);
        begin = performance.now();
        writtenBefore = this.#written;
      }
      const commands = this.#batch();
      this.#count(commands, await client.pipeline(commands));
      await this.#pace(begin + ((this.#written - writtenBefore) / this.#options.rate) * 1000);
    }
  }

  async #rest(paused: () => void): Promise<void> {
    this.#onPaused = undefined;
    await new Promise<void>((resolve) => {
      this.#resume = resolve;
      paused();
    });
  }

  #batch(): Arg[][] {
    const random = this.#random;
    const commands: Arg[][] = [['SELECT', random.int(this.#options.databases)]];
    while (commands.length < this.#options.batch) {
      const group = this.#pickFamily().make(random);
      if (this.#options.keep?.(group) !== false) commands.push(...group);
    }
    if (this.#options.extra) commands.push(...this.#options.extra(random));
    return commands;
  }

  #pickFamily(): Family {
    const total = this.#families.reduce((sum, family) => sum + family.weight, 0);
    let at = this.#random.next() * total;
    for (const family of this.#families) {
      at -= family.weight;
      if (at < 0) return family;
    }
    return this.#families[0] as Family;
  }

  #count(commands: readonly (readonly Arg[])[], replies: readonly unknown[]): void {
    for (const [i, reply] of replies.entries()) {
      const errors = (Array.isArray(reply) ? reply : [reply]).filter((part) => part instanceof ReplyError);
      for (const { message } of errors) {
        if (!EXPECTED.test(message)) throw new Error(`${String(commands[i])}: ${message}`);
        const word = message.split(' ', 1)[0] as string;
        this.errors.set(word, (this.errors.get(word) ?? 0) + 1);
      }
      const name = String(commands[i]?.[0]);
      if (errors.length === 0) this.counts.set(name, (this.counts.get(name) ?? 0) + 1);
    }
    this.#written += commands.length;
    for (const waiter of this.#waiters) if (this.#written >= waiter.written) waiter.resolve();
    this.#waiters = this.#waiters.filter((waiter) => this.#written < waiter.written);
  }

  /** Waits until `time` (of performance.now()); stop() ends the wait. */
  #pace(time: number): Promise<void> {
    const ms = time - performance.now();
    if (ms < 1 || this.#stopping || this.#onPaused !== undefined) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
