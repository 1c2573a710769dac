/**
 * The long run: `npm run test:rules -- [rounds] [seed]`. Each round draws rules, and copies under them while random commands are written: between servers and
 * clusters, with slots that move and databases that are flushed. A round that fails names its seed.
 */
import { type RandomRun, randomRun } from './random-run.ts';

const SHAPES: Pick<RandomRun, 'mode' | 'fromCluster' | 'toCluster'>[] = [
  { mode: 'sync' },
  { mode: 'sync', toCluster: true },
  { mode: 'sync', fromCluster: true },
  { mode: 'sync', fromCluster: true, toCluster: true },
  { mode: 'live' },
  { mode: 'live', toCluster: true },
  { mode: 'live', fromCluster: true },
  { mode: 'scan' },
  { mode: 'scan', toCluster: true },
  { mode: 'scan', fromCluster: true },
];

const [rounds = 20, first = Date.now() % 100_000] = process.argv.slice(2).map(Number);
for (let n = 0; n < rounds; n++) {
  const seed = first + n;
  const shape = SHAPES[seed % SHAPES.length] as RandomRun;
  const name = [shape.mode, ...Object.keys(shape).slice(1)].join(' ');
  try {
    console.log(`seed ${seed} ${name}: ${await randomRun({ ...shape, seed, commands: 3000 })}`);
  } catch (error) {
    console.log(`seed ${seed} ${name} FAILED`, (error as Error).message);
    process.exitCode = 1;
  }
}
