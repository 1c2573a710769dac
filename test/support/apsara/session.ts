/** One client of the proxy, and its connections to the shards. */
import type { Socket } from 'node:net';
import { keySlot } from '../../../src/net/topology/slot.ts';
import type { ApsaraOptions, Shards } from '../apsara-proxy.ts';
import { type Answer, Answers, error, own, type Part, unknown } from './answers.ts';
import { bulk, CommandReader, commandOf } from './frames.ts';
import * as merge from './merge.ts';
import { type Client, OWN_COMMANDS } from './own-commands.ts';
import { keysOf, NOT_IN_MULTI, SCRIPTS, SPLIT } from './routes.ts';
import { ShardLink } from './shard-link.ts';

const SUBSCRIPTIONS: ReadonlySet<string> = new Set([
  'SUBSCRIBE',
  'PSUBSCRIBE',
  'UNSUBSCRIBE',
  'PUNSUBSCRIBE',
]);
const CROSS_SLOT = "-CROSSSLOT Keys in request don't hash to the same slot\r\n";
/** Above this the shards are not read until the client has taken what it was answered. */
const OUT_BYTES_MAX = 8 * 1024 * 1024;

export class Session implements Client {
  readonly options: ApsaraOptions;
  readonly shards: Shards;
  name = '';
  readonly #socket: Socket;
  readonly #links: ShardLink[];
  readonly #answers = new Answers();
  #out: Buffer[] = [];
  /** inside of MULTI */
  #queued: { bytes: Buffer; slot: number }[] | undefined;
  #reading = false;
  #idle: NodeJS.Timeout | undefined;

  constructor(socket: Socket, shards: Shards, options: ApsaraOptions) {
    this.#socket = socket;
    this.shards = shards;
    this.options = options;
    this.#links = shards.places.map(({ host, port }, index) => {
      return new ShardLink(index, port, host, {
        onAnswered: () => this.#flush(),
        onPush: (shard, frame) => this.#push(shard, frame),
        onClosed: () => socket.destroy(),
        onDrain: () => this.#goOn(),
      });
    });
    const reader = new CommandReader((bytes, args) => this.#command(bytes, args));
    socket.on('data', (chunk: Buffer) => {
      if (socket.writableEnded) return;
      this.#reading = true;
      const fault = faultOf(() => reader.write(chunk));
      this.#reading = false;
      this.#flush();
      if (fault === undefined) this.#waitForMore();
      else socket.end(`-ERR Protocol error: ${fault.message}\r\n`);
    });
    socket.on('drain', () => this.#goOn());
    socket.on('error', () => {});
    socket.on('close', () => this.#close());
    this.#waitForMore();
  }

  to(shard: number, bytes: Buffer): Part {
    return (this.#links[shard] as ShardLink).send(bytes);
  }

  toAll(bytes: Buffer, merged: merge.Merge): Answer {
    return { parts: this.#links.map((link) => link.send(bytes)), merge: merged };
  }

  end(): void {
    setImmediate(() => this.#socket.end());
  }

  #close(): void {
    clearTimeout(this.#idle);
    for (const link of this.#links) link.close();
  }

  #waitForMore(): void {
    const { idleTimeoutMs } = this.options;
    clearTimeout(this.#idle);
    if (idleTimeoutMs !== undefined && !this.#socket.destroyed) {
      this.#idle = setTimeout(() => this.#socket.destroy(), idleTimeoutMs);
    }
  }

  // ---- what comes in

  #command(bytes: Buffer, args: Buffer[]): void {
    const name = (args[0] as Buffer).toString('latin1').toUpperCase();
    this.shards.count();
    if (SUBSCRIPTIONS.has(name)) this.#subscribe(name, args, bytes);
    else this.#answers.push(this.#answer(name, args, bytes));
  }

  #answer(name: string, args: Buffer[], bytes: Buffer): Answer {
    if (name === 'MULTI' || name === 'EXEC' || name === 'DISCARD') return this.#transaction(name, bytes);
    if (this.#queued !== undefined) return this.#queue(name, args, bytes);
    if (name === 'DUMP' && this.options.dump === false) return unknown(name);
    const command = Object.hasOwn(OWN_COMMANDS, name) ? OWN_COMMANDS[name] : undefined;
    return command === undefined ? this.#byKey(name, args, bytes) : command(this, args, bytes);
  }

  #byKey(name: string, args: Buffer[], bytes: Buffer): Answer {
    const keys = keysOf(this.shards.keyTable, name, args);
    if (keys === undefined) return unknown(name);
    if (keys.length === 0 || keys.some((at) => args[at] === undefined)) {
      const words = SCRIPTS.has(name)
        ? "for redis cluster, eval/evalsha number of keys can't be negative or zero"
        : `wrong number of arguments for '${name.toLowerCase()}' command`;
      return error(words);
    }
    const slot = slotOf(args, keys);
    if (slot >= 0) return { parts: [this.to(this.shards.owners[slot] as number, bytes)] };
    if (SPLIT.has(name)) return this.#split(name, args, keys);
    return SCRIPTS.has(name) ? error('eval/evalsha command keys must in same slot') : own(CROSS_SLOT);
  }

  /** Each key by itself: a node of a cluster refuses keys of several slots, though all were its own. */
  #split(name: string, args: Buffer[], keys: number[]): Answer {
    const parts = keys.map((at) => {
      const key = args[at] as Buffer;
      const one = name === 'MSET' ? [name, key, args[at + 1] as Buffer] : [name, key];
      return this.to(this.shards.owners[keySlot(key, 0, key.length)] as number, commandOf(one));
    });
    return { parts, merge: name === 'MGET' ? merge.concatenated : name === 'MSET' ? merge.first : merge.sum };
  }

  // ---- transactions

  #transaction(name: string, bytes: Buffer): Answer {
    const queued = this.#queued;
    this.#queued = name === 'MULTI' ? [] : undefined;
    if (name === 'MULTI')
      return queued === undefined ? own('+OK\r\n') : error('MULTI calls can not be nested');
    if (queued === undefined) return error(`${name} without MULTI`);
    return name === 'EXEC' ? this.#exec(queued, bytes) : own('+OK\r\n');
  }

  #queue(name: string, args: Buffer[], bytes: Buffer): Answer {
    if (NOT_IN_MULTI.has(name)) return error(`command '${name}' is not allowed in a transaction`);
    const keys = keysOf(this.shards.keyTable, name, args);
    if (keys === undefined) return unknown(name);
    this.#queued?.push({ bytes, slot: slotOf(args, keys) });
    return own('+QUEUED\r\n');
  }

  /** What the shard says before it runs them stays here. */
  #exec(queued: readonly { bytes: Buffer; slot: number }[], bytes: Buffer): Answer {
    const slot = queued[0]?.slot;
    if (slot === undefined) return own('*0\r\n');
    if (slot < 0 || queued.some((command) => command.slot !== slot)) return own(CROSS_SLOT);
    const shard = this.shards.owners[slot] as number;
    this.to(shard, commandOf(['MULTI']));
    for (const command of queued) this.to(shard, command.bytes);
    return { parts: [this.to(shard, bytes)] };
  }

  // ---- subscriptions

  /** Of events about keys each shard tells its own; other messages come to all nodes of a cluster. */
  #subscribe(name: string, args: Buffer[], bytes: Buffer): void {
    const events = args.slice(1).some((arg) => arg.toString('latin1').startsWith('__key'));
    if (!events) this.#links[0]?.sendUnasked(bytes);
    else if (this.options.subscribe) for (const link of this.#links) link.sendUnasked(bytes);
    else this.#confirm(name.toLowerCase(), args);
  }

  /** They are taken, and never told. */
  #confirm(name: string, args: Buffer[]): void {
    for (let at = 1; at < args.length; at++) {
      this.#answers.push(own(`*3\r\n${bulk(name)}${bulk(String(args[at]))}:${at}\r\n`));
    }
  }

  // ---- what goes out

  #push(shard: number, frame: Buffer): void {
    const confirms = /^[*>]3\r\n\$\d+\r\np?(un)?subscribe\r/.test(frame.toString('latin1', 0, 32));
    if (confirms && shard > 0) return;
    this.#answers.take(this.#out);
    this.#out.push(frame);
  }

  #flush(): void {
    if (this.#reading || this.#socket.writableEnded) return;
    const flowing = this.#links.map((link) => link.flush());
    this.#answers.take(this.#out);
    if (this.#out.length > 0 && !this.#socket.destroyed) this.#socket.write(Buffer.concat(this.#out));
    this.#out = [];
    if (flowing.includes(false) || this.#socket.writableLength > OUT_BYTES_MAX) this.#hold();
  }

  #hold(): void {
    if (this.#links.some((link) => !link.flush())) this.#socket.pause();
    if (this.#socket.writableLength > OUT_BYTES_MAX) for (const link of this.#links) link.pause();
  }

  #goOn(): void {
    if (this.#links.every((link) => link.flush())) this.#socket.resume();
    if (!this.#socket.writableNeedDrain) for (const link of this.#links) link.resume();
  }
}

/** -1: they are not in one slot. */
function slotOf(args: readonly Buffer[], keys: readonly number[]): number {
  let slot = -1;
  for (const at of keys) {
    const key = args[at] as Buffer;
    const its = keySlot(key, 0, key.length);
    if (slot >= 0 && its !== slot) return -1;
    slot = its;
  }
  return slot;
}

/** What is no command, a TLS hello say, throws. */
function faultOf(read: () => void): Error | undefined {
  try {
    read();
    return undefined;
  } catch (fault) {
    return fault as Error;
  }
}
