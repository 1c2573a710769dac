/** What is measured: Redis's own replication as the yardstick, reading into nothing as the lower bound, RedisShake where it is, naru. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, constants, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { atExit, makeTempDir } from '../test/support/cleanup.ts';
import { Naru, type NaruOptions, readUsage, type Usage } from '../test/support/naru.ts';
import type { RedisServer } from '../test/support/redis-server.ts';
import { isInSync } from '../test/support/replica.ts';
import { until } from '../test/support/until.ts';

export interface Copied {
  /** from the start until the target holds everything, without the start of the process */
  ms: number;
  /** from the start of the process to its end, where there is one */
  processMs?: number;
  /** user and system time of the tool */
  cpuMs?: number;
  peakRssBytes?: number;
  /** of the source's own process meanwhile */
  sourceCpuMs?: number;
  keysPerSecond?: number;
}

/** Something that has copied everything and follows the changes. */
export interface Follower {
  /** the process that is stopped and continued */
  readonly pid: number;
  readonly isTool: boolean;
  stop(): Promise<void>;
}

export interface Contestant {
  readonly name: string;
  /** leaves the target as it was */
  readonly nullEnd?: boolean;
  copy(source: RedisServer, target: RedisServer): Promise<Copied>;
  follow?(source: RedisServer, target: RedisServer): Promise<Follower>;
}

/** No round takes longer. */
const MS_MAX = 600_000;

export const replicaof: Contestant = {
  name: 'REPLICAOF',
  async copy(source, target) {
    const begin = performance.now();
    await replicate(source, target);
    return { ms: performance.now() - begin };
  },
  async follow(source, target) {
    await replicate(source, target);
    return { pid: target.pid, isTool: false, stop: async () => {} };
  },
};

async function replicate(source: RedisServer, target: RedisServer): Promise<void> {
  await target.call('REPLICAOF', source.host, source.port);
  await until('REPLICAOF', () => isInSync(target, source), MS_MAX);
}

/** Reads the snapshot from the socket and throws it away: no tool that reads it from the source can be faster. */
export const nullReader: Contestant = {
  name: 'read only',
  nullEnd: true,
  async copy(source) {
    const script = fileURLToPath(new URL('null-reader.ts', import.meta.url));
    const child = spawn(process.execPath, ['--import', 'tsx', script, source.host, String(source.port)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const forget = atExit(() => child.kill('SIGKILL'));
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => {
      output += chunk.toString();
    });
    const [code] = await once(child, 'close');
    forget();
    if (code !== 0) throw new Error(`the null reader ended with code ${code}`);
    return JSON.parse(output) as Copied;
  },
};

const naruArgs = (source: RedisServer, target: RedisServer): string[] => [
  'sync',
  ...['--from', source.url, '--to', target.url, '--dir', target.dir, '--on-conflict', 'overwrite', '--json'],
];

/** Node's own start and that of the modules: the time of a run that does nothing. */
let naruStartMs: Promise<number> | undefined;

export function naruStart(): Promise<number> {
  naruStartMs ??= measureStart();
  return naruStartMs;
}

async function measureStart(): Promise<number> {
  const times: number[] = [];
  for (let i = 0; i < 5; i++) {
    const begin = performance.now();
    await Naru.run(['--version']);
    times.push(performance.now() - begin);
  }
  return times.sort((a, b) => a - b)[2] as number;
}

/** With options beside those that it has anyway. */
export const naruWith = (
  name: string,
  args: readonly string[],
  options: NaruOptions = {},
): Contestant & Required<Pick<Contestant, 'follow'>> => ({
  name,
  async follow(source, target) {
    const run = Naru.start([...naruArgs(source, target), ...args], options);
    await run.untilEvent('synced');
    return { pid: run.pid, isTool: true, stop: () => stopped(run) };
  },
  async copy(source, target) {
    const startMs = await naruStart();
    const begin = performance.now();
    const run = Naru.start([...naruArgs(source, target), '--until-synced', ...args], options);
    await run.untilEvent('synced');
    const ms = performance.now() - begin;
    const { code } = await run.exited;
    if (code !== 0) throw new Error(`naru ended with code ${code}: ${run.stdout.slice(-1000)}${run.stderr}`);
    const { cpuMs, peakRssBytes } = run;
    return { ms: ms - startMs, processMs: performance.now() - begin, cpuMs, peakRssBytes };
  },
});

export const naru: Contestant = naruWith('naru', []);

async function stopped(run: Naru): Promise<void> {
  const { code } = await run.stop();
  if (code !== 0) throw new Error(`naru ended with code ${code}: ${run.stdout.slice(-1000)}${run.stderr}`);
}

type ShakeReader = 'sync_reader' | 'scan_reader';

/** RedisShake 4: the target's number of keys says when all is there, since after a full copy by replication it goes on. */
export const shakeBy = (reader: ShakeReader): Contestant => ({
  name: 'redis-shake',
  async copy(source, target) {
    const begin = performance.now();
    const { child, remove } = startShake(source, target, reader);
    let usage: Usage | undefined;
    try {
      await untilSameSize(source, target, child);
      usage = readUsage(child.pid);
      return { ms: performance.now() - begin, ...usage };
    } finally {
      await end(child);
      remove();
    }
  },
  async follow(source, target) {
    const { child, remove } = startShake(source, target, reader);
    await untilSameSize(source, target, child);
    return {
      pid: child.pid as number,
      isTool: true,
      async stop() {
        await end(child);
        remove();
      },
    };
  },
});

function startShake(
  source: RedisServer,
  target: RedisServer,
  reader: ShakeReader,
): { child: ChildProcess; remove: () => void } {
  const temp = makeTempDir('naru-bench-shake-');
  const file = join(temp.path, 'shake.toml');
  const address = (server: RedisServer): string => `address = "${server.host}:${server.port}"\n`;
  writeFileSync(
    file,
    `[${reader}]\n${address(source)}[redis_writer]\n${address(target)}[advanced]\ndir = "${temp.path}"\nstatus_port = 0\n`,
  );
  const child = spawn('redis-shake', [file], { cwd: temp.path, stdio: 'ignore' });
  const forget = atExit(() => child.kill('SIGKILL'));
  child.once('exit', forget);
  return { child, remove: () => temp.remove() };
}

async function untilSameSize(source: RedisServer, target: RedisServer, child: ChildProcess): Promise<void> {
  const size = await source.call('DBSIZE');
  const reached = async (): Promise<boolean> => {
    if (child.exitCode !== null) throw new Error(`redis-shake ended with code ${child.exitCode}`);
    return (await target.call('DBSIZE')) === size;
  };
  await until('redis-shake', reached, MS_MAX);
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGKILL');
  await once(child, 'exit');
}

function onPath(program: string): boolean {
  const { PATH = '' } = process.env;
  return PATH.split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

export const redisShakeOn = (): boolean => onPath('redis-shake');

export function contestants(only: readonly string[]): Contestant[] {
  const all = [replicaof, nullReader, ...(redisShakeOn() ? [shakeBy('sync_reader')] : []), naru];
  return all.filter((contestant) => only.length === 0 || only.includes(contestant.name));
}
