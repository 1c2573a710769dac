/**
 * The long run: `npm run test:recovery -- [rounds] [seed]`. Each round moves other data in another mode while both links are cut in ways
 * chosen at random, and ends with a complete comparison. A round that fails names its seed, which makes it again.
 */
import { compare } from '../support/compare.ts';
import { fill } from '../support/fill.ts';
import { Random } from '../support/random.ts';
import { until } from '../support/until.ts';
import { Writer } from '../support/writers.ts';
import { fillBig } from './big.ts';
import { Rig, tallied, tally, tallyOf } from './rig.ts';

const MIB = 1024 * 1024;

interface Outcome {
  cuts: number;
  commands: number;
  memoryMiB: number;
  mode: string;
}

async function round(seed: number): Promise<Outcome> {
  const random = new Random(seed);
  const rig = await Rig.start({ source: { 'repl-diskless-sync': random.pick(['yes', 'no']) } });
  try {
    await fill(rig.source, 1000 + random.int(30_000), { seed });
    if (random.chance(0.7)) await fillBig(rig.source, 70_000 + random.int(300_000));
    const counted = tally();
    const writer = new Writer(rig.source, { seed, rate: 500 + random.int(8000), extra: counted.extra });
    await writer.start();
    const policy = random.pick(['overwrite', 'skip', 'fail']);
    const inFlight = random.pick(['16KiB', '256KiB', '4MiB']);
    const memory = random.pick(['64KiB', '1MiB', '16MiB']);
    const args = ['--big-key-size', '64KiB', '--in-flight', inFlight, '--spool-memory', memory];
    const naru = rig.naru([...args, '--on-conflict', policy]);
    await naru.untilEvent('started');
    const reach = random.pick([5000, 60_000, 500_000]);
    let cuts = 0;
    for (; cuts < 8 && naru.eventsOf('snapshot_done').length === 0; cuts++) {
      await rig.cutTarget(random, reach);
    }
    rig.toTarget.use(undefined);
    await naru.untilEvent('snapshot_done');
    for (let more = 10 + random.int(30); more > 0; more--) {
      const kind = random.int(4);
      if (kind !== 0) await rig.cutTarget(random, reach);
      if (kind === 0 || kind === 3) await rig.cutSource(random, reach);
      cuts += kind === 3 ? 2 : 1;
    }
    rig.toTarget.use(undefined);
    rig.toSource.use(undefined);
    await writer.stop();
    await expectAll(rig, naru, counted.count);
    const mode = `${policy}, in flight ${inFlight}, spool ${memory}, reach ${reach}`;
    return { cuts, commands: writer.written, memoryMiB: Math.round(naru.peakRssBytes / MIB), mode };
  } finally {
    await rig.stop();
  }
}

async function expectAll(rig: Rig, naru: ReturnType<Rig['naru']>, rounds: number): Promise<void> {
  const offset = Number((await rig.source.info('replication')).get('master_repl_offset'));
  const acknowledged = async (): Promise<boolean> => {
    if (naru.exit !== undefined) throw new Error(`naru ended: ${naru.stdout.slice(-2000)}`);
    const replica = (await rig.source.info('replication')).get('slave0') ?? '';
    return Number(/offset=(\d+)/.exec(replica)?.[1] ?? -1) >= offset;
  };
  await until('everything is acknowledged', acknowledged);
  const exit = await naru.stop();
  const wrong: string[] = exit.code === 0 ? [] : [`exit code ${exit.code}: ${naru.stdout.slice(-2000)}`];
  wrong.push(...(await rig.ownKeys()));
  wrong.push(...(await compare(rig.source, rig.target, { ignore: () => false })));
  const [is, should] = [JSON.stringify(await tallied(rig.target)), JSON.stringify(tallyOf(rounds))];
  if (is !== should) wrong.push(`counted ${is}, written ${should}`);
  if (wrong.length > 0) throw new Error(wrong.join('\n'));
}

const rounds = Number(process.argv[2] ?? 20);
const first = Number(process.argv[3] ?? Math.floor(Math.random() * 1e6));
let failed = 0;
for (let seed = first; seed < first + rounds; seed++) {
  try {
    const { cuts, commands, memoryMiB, mode } = await round(seed);
    console.log(`seed ${seed}: equal after ${cuts} cuts, ${commands} commands, ${memoryMiB} MiB (${mode})`);
  } catch (error) {
    failed++;
    console.error(`seed ${seed}: FAILED: ${(error as Error).message}`);
  }
}
process.exit(failed === 0 ? 0 : 1);
