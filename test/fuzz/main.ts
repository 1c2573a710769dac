/** `npm run fuzz [-- seconds [seed]]`: random and damaged input for all decoders; anything but a FormatError ends it, with its seed. */
import { fuzzAof } from './aof.ts';
import { fuzzRdb } from './rdb.ts';

const seconds = Number(process.argv[2] ?? 60);
const seed = process.argv[3] === undefined ? undefined : Number(process.argv[3]);
if (!(seconds > 0) || Number.isNaN(seed)) {
  console.error('usage: npm run fuzz -- [seconds] [seed]');
  process.exit(2);
}
for (const [name, fuzz] of [
  ['rdb', fuzzRdb],
  ['aof', fuzzAof],
] as const) {
  const { runs, refused, slowestMs } = fuzz(seconds / 2, seed);
  console.log(`${name}: ${runs} inputs, ${refused} refused, slowest ${Math.round(slowestMs)} ms`);
}
