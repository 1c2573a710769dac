/** Full copy by SCAN and DUMP, from the start until the target holds everything. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { atExit } from '../test/support/cleanup.ts';
import { Naru, readUsage } from '../test/support/naru.ts';
import { RedisServer } from '../test/support/redis-server.ts';
import { type Contestant, type Copied, naruStart, redisShakeOn, shakeBy } from './contestants.ts';
import { requireEqual } from './equal.ts';
import { dataSets } from './full.ts';
import type { Result } from './report.ts';

/** The commands that a scan needs, and nothing written: what the source alone takes. */
const dumpReader: Contestant = {
  name: 'SCAN + DUMP only',
  nullEnd: true,
  async copy(source) {
    const script = fileURLToPath(new URL('dump-reader.ts', import.meta.url));
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
    if (code !== 0) throw new Error(`the reader ended with code ${code}`);
    return JSON.parse(output) as Copied;
  },
};

const naruScan: Contestant = {
  name: 'naru scan',
  async copy(source, target) {
    const startMs = await naruStart();
    const begin = performance.now();
    const args = [
      '--from',
      source.url,
      '--to',
      target.url,
      '--dir',
      target.dir,
      '--on-conflict',
      'overwrite',
    ];
    const run = Naru.start(['scan', ...args, '--json']);
    const { code } = await run.exited;
    const processMs = performance.now() - begin;
    if (code !== 0) throw new Error(`naru ended with code ${code}: ${run.stdout.slice(-1000)}${run.stderr}`);
    const { cpuMs, peakRssBytes } = run;
    return { ms: processMs - startMs, processMs, cpuMs, peakRssBytes };
  },
};

function contestants(only: readonly string[]): Contestant[] {
  const all = [dumpReader, ...(redisShakeOn() ? [shakeBy('scan_reader')] : []), naruScan];
  return all.filter(({ name }) => only.length === 0 || only.includes(name));
}

async function copyOnce(contestant: Contestant, source: RedisServer, check: boolean): Promise<Copied> {
  const target = await RedisServer.start();
  try {
    const keys = Number(await source.call('DBSIZE'));
    const before = readUsage(source.pid);
    const copied = await contestant.copy(source, target);
    const sourceCpuMs = (readUsage(source.pid)?.cpuMs ?? 0) - (before?.cpuMs ?? 0);
    if (check && !contestant.nullEnd) await requireEqual(contestant.name, source, target);
    return { ...copied, sourceCpuMs, keysPerSecond: Math.round((keys * 1000) / copied.ms) };
  } finally {
    await target.stop();
  }
}

export async function benchScan(
  only: readonly string[],
  rounds: number,
  scale: number,
  tell: (text: string) => void,
): Promise<Result[]> {
  const results: Result[] = [];
  const field = contestants(only);
  for (const { name, make } of dataSets) {
    const source = await RedisServer.start();
    try {
      await make(source, scale);
      const set = field.map(
        (each): Result => ({ part: 'scan', data: name, contestant: each.name, rounds: [] }),
      );
      for (let round = 0; round < rounds; round++) {
        for (const [i, contestant] of field.entries()) {
          const copied = await copyOnce(contestant, source, round === 0);
          set[i]?.rounds.push(copied);
          tell(
            `${name}, round ${round + 1}: ${contestant.name} ${(copied.ms / 1000).toFixed(2)} s, ${copied.keysPerSecond} keys/s, source CPU ${((copied.sourceCpuMs ?? 0) / 1000).toFixed(2)} s`,
          );
        }
      }
      results.push(...set);
    } finally {
      await source.stop();
    }
  }
  return results;
}
