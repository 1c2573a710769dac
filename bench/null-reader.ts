/** `null-reader.ts HOST PORT`: asks for a full copy as a replica does, reads it into nothing, prints time and CPU as JSON. */
import { once } from 'node:events';
import { createConnection, type Socket } from 'node:net';
import { readUsage } from '../test/support/naru.ts';

const HANDSHAKE: readonly string[] = [
  'PING\r\n',
  'REPLCONF capa eof capa psync2\r\n',
  // The first PSYNC offset that a replica without any data asks for.
  'PSYNC ? -1\r\n',
];

const MARK_BYTES = 40;

async function readSnapshot(socket: Socket): Promise<number> {
  let header = '';
  let bytes = 0;
  let expected = -1;
  let mark: Buffer | undefined;
  let tail: Buffer = Buffer.alloc(0);
  let sent = 0;
  socket.write(HANDSHAKE[sent++] as string);
  return new Promise((resolve, reject) => {
    socket.once('close', () => reject(new Error('the source closed the connection')));
    socket.on('data', (chunk: Buffer) => {
      let body = chunk;
      while (expected < 0 && mark === undefined) {
        const end = body.indexOf(10);
        header += body.toString('latin1', 0, end < 0 ? body.length : end);
        if (end < 0) return;
        body = body.subarray(end + 1);
        const line = header.trim();
        header = '';
        if (line.startsWith('-')) return reject(new Error(line));
        if (line.startsWith('$EOF:')) mark = Buffer.from(line.slice(5));
        else if (line.startsWith('$')) expected = Number(line.slice(1));
        else if (line !== '' && sent < HANDSHAKE.length) socket.write(HANDSHAKE[sent++] as string);
      }
      bytes += body.length;
      if (mark === undefined) {
        if (bytes >= expected) resolve(expected);
        return;
      }
      tail = Buffer.concat([tail, body.subarray(-MARK_BYTES)]).subarray(-MARK_BYTES);
      if (tail.equals(mark)) resolve(bytes - MARK_BYTES);
    });
  });
}

const [host, port] = process.argv.slice(2);
const before = readUsage(process.pid);
const begin: number = performance.now();
const socket: Socket = createConnection({ host: host as string, port: Number(port) });
await once(socket, 'connect');
const bytes: number = await readSnapshot(socket);
const ms: number = performance.now() - begin;
const after = readUsage(process.pid);
socket.destroy();
console.log(JSON.stringify({ ms, bytes, cpuMs: (after?.cpuMs ?? 0) - (before?.cpuMs ?? 0) }));
