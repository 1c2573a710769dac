/**
 * `npm run bench -- [full|stream|memory|decode|scan|rules ...] [--rounds 3] [--scale 1] [--only NAME ...] [--before DIR] [--json PATH]`
 *
 * Real servers on this machine, data made for it, and the yardstick in the same run: each round goes through all contestants in turn,
 * so that what else the machine does strikes them alike. Medians are printed, every round is written to the JSON file.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { buildWhenStale } from '../scripts/build.ts';
import { RedisServer } from '../test/support/redis-server.ts';
import { contestants } from './contestants.ts';
import { benchDecode } from './decode.ts';
import { benchFull } from './full.ts';
import { benchMemory } from './memory.ts';
import { type Result, type Summary, summarize, table } from './report.ts';
import { benchRules } from './rules.ts';
import { benchScan } from './scan.ts';
import { benchStream } from './stream.ts';

const PARTS = ['full', 'stream', 'memory', 'decode', 'scan', 'rules'] as const;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: 'string', default: '3' },
    scale: { type: 'string', default: '1' },
    only: { type: 'string', multiple: true, default: [] },
    before: { type: 'string' },
    json: { type: 'string' },
  },
});

const rounds: number = Number(values.rounds);
const scale: number = Number(values.scale);
const parts: readonly string[] = positionals.length > 0 ? positionals : PARTS;
const unknown: string | undefined = parts.find((part) => !(PARTS as readonly string[]).includes(part));
if (unknown !== undefined || !(rounds >= 1) || !(scale > 0)) {
  console.error(
    'usage: npm run bench -- [full|stream|memory|decode|scan|rules ...] [--rounds N] [--scale N] [--only NAME] [--before DIR] [--json PATH]',
  );
  process.exit(2);
}

interface Machine {
  cpus: number;
  cpu: string;
  memoryBytes: number;
  node: string;
  redis: string;
}

async function describeMachine(): Promise<Machine> {
  const server = await RedisServer.start();
  const redis = (await server.info('server')).get('redis_version') ?? '';
  await server.stop();
  const [cpu] = cpus();
  return {
    cpus: cpus().length,
    cpu: cpu?.model ?? '',
    memoryBytes: totalmem(),
    node: process.version,
    redis,
  };
}

function writeJson(machine: Machine, summaries: Summary[]): string {
  const date = new Date().toISOString();
  const folder = fileURLToPath(new URL('results', import.meta.url));
  const path = values.json ?? join(folder, `${date.replaceAll(':', '-')}.json`);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, `${JSON.stringify({ date, machine, rounds, scale, results: summaries }, null, 2)}\n`);
  return path;
}

buildWhenStale();
const machine: Machine = await describeMachine();
console.log(
  `${machine.cpus} CPUs, Redis ${machine.redis}, Node ${machine.node}; ${rounds} rounds, scale ${scale}`,
);
const tell = (text: string): void => console.log(`  ${text}`);
const field = contestants(values.only);
const results: Result[] = [];
if (parts.includes('full')) results.push(...(await benchFull(field, rounds, scale, tell)));
if (parts.includes('stream')) results.push(...(await benchStream(field, rounds, scale, tell)));
if (parts.includes('memory')) results.push(...(await benchMemory(scale, tell)));
if (parts.includes('decode')) results.push(...(await benchDecode(rounds, scale, tell)));
if (parts.includes('scan')) results.push(...(await benchScan(values.only, rounds, scale, tell)));
if (parts.includes('rules')) results.push(...(await benchRules(rounds, scale, tell, values)));
const summaries: Summary[] = summarize(results);
console.log(`\n${table(summaries)}\n\n${writeJson(machine, summaries)}`);
