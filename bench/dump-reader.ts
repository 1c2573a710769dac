/**
 * `dump-reader.ts HOST PORT`: goes through database 0 by SCAN, asks for PTTL and DUMP of each key, pipelined, and throws the answers away;
 * prints time, keys and CPU as JSON. No tool that reads by these commands on one connection can be much faster.
 */
import { once } from 'node:events';
import { createConnection, type Socket } from 'node:net';
import { readUsage } from '../test/support/naru.ts';

const COUNT = 1000;
const CR_LF_BYTES = 2;
const DOLLAR = 0x24;
const LF = 0x0a;

/** Calls `line` for each line that is not part of a bulk string, and `bulk` for each bulk string where it is wanted. */
class Lines {
  readonly #line: (type: number, text: string) => void;
  readonly #bulk: (text: string) => void;
  #text = '';
  #left = 0;
  /** bulk strings are to be read, not skipped */
  wanted = false;
  #held: Buffer[] = [];

  constructor(line: (type: number, text: string) => void, bulk: (text: string) => void) {
    this.#line = line;
    this.#bulk = bulk;
  }

  write(chunk: Buffer): void {
    for (let at = 0; at < chunk.length; ) {
      if (this.#left > 0) {
        const stop = Math.min(chunk.length, at + this.#left);
        if (this.wanted) this.#held.push(chunk.subarray(at, stop));
        this.#left -= stop - at;
        at = stop;
        if (this.#left === 0 && this.wanted) this.#take();
        continue;
      }
      const end = chunk.indexOf(LF, at);
      this.#text += chunk.toString('latin1', at, end < 0 ? chunk.length : end);
      if (end < 0) return;
      const text = this.#text;
      this.#text = '';
      at = end + 1;
      const type = text.charCodeAt(0);
      const length = type === DOLLAR ? Number.parseInt(text.slice(1), 10) : -1;
      if (length >= 0) this.#left = length + CR_LF_BYTES;
      this.#line(type, text.slice(1));
    }
  }

  #take(): void {
    const bytes = Buffer.concat(this.#held);
    this.#held = [];
    this.#bulk(bytes.toString('latin1', 0, bytes.length - CR_LF_BYTES));
  }
}

const command = (...args: string[]): string =>
  `*${args.length}\r\n${args.map((arg) => `$${arg.length}\r\n${arg}\r\n`).join('')}`;

/** One SCAN ahead of the values: its answer comes behind those of the keys before. */
async function readAll(socket: Socket): Promise<number> {
  let keys: string[] = [];
  let cursor: string | undefined;
  /** answers that come before that of the SCAN */
  let values = 0;
  let total = 0;
  let headers = 0;
  return new Promise((resolve, reject) => {
    const scanned = (): void => {
      lines.wanted = false;
      total += keys.length;
      values = 2 * keys.length;
      const asked = keys.map((key) => command('PTTL', key) + command('DUMP', key)).join('');
      const done = cursor === '0';
      socket.write(
        asked + (done ? command('PING') : command('SCAN', cursor ?? '0', 'COUNT', String(COUNT))),
        'latin1',
      );
      keys = [];
      cursor = undefined;
      headers = 0;
    };
    let expected = -1;
    const lines = new Lines(
      (type, text) => {
        // What follows a value's header is no answer to SCAN.
        lines.wanted = values === 0;
        if (type === 0x2d) reject(new Error(text));
        else if (values > 0) values--;
        else if (type === 0x2b) return resolve(total);
        else if (type === 0x2a && headers++ === 1) {
          expected = Number.parseInt(text, 10);
          if (expected === 0) scanned();
        }
      },
      (text) => {
        if (cursor === undefined) cursor = text;
        else {
          keys.push(text);
          if (keys.length === expected) scanned();
        }
      },
    );
    lines.wanted = true;
    socket.once('close', () => reject(new Error('the source closed the connection')));
    socket.on('data', (chunk: Buffer) => lines.write(chunk));
    socket.write(command('SCAN', '0', 'COUNT', String(COUNT)));
  });
}

const [host, port] = process.argv.slice(2);
const before = readUsage(process.pid);
const begin: number = performance.now();
const socket: Socket = createConnection({ host: host as string, port: Number(port) });
await once(socket, 'connect');
const keys: number = await readAll(socket);
const ms: number = performance.now() - begin;
const after = readUsage(process.pid);
socket.destroy();
console.log(
  JSON.stringify({
    ms,
    keys,
    cpuMs: (after?.cpuMs ?? 0) - (before?.cpuMs ?? 0),
    peakRssBytes: after?.peakRssBytes,
  }),
);
