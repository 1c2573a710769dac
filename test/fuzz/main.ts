/** `npm run fuzz [-- seconds [seed]]`: the corpus, then random and damaged input for all decoders; anything but a FormatError ends it, with its seed. */
import { fuzzAof } from './aof.ts';
import { corpus, replay } from './corpus.ts';
import { fuzzRdb } from './rdb.ts';
import { fuzzWire } from './wire.ts';

const seconds = Number(process.argv[2] ?? 60);
const seed = process.argv[3] === undefined ? undefined : Number(process.argv[3]);
if (!(seconds > 0) || Number.isNaN(seed)) {
  console.error('usage: npm run fuzz -- [seconds] [seed]');
  process.exit(2);
}
const names = corpus();
for (const name of names) replay(name);
console.log(`corpus: ${names.length} inputs`);
const fuzzers = { rdb: fuzzRdb, aof: fuzzAof, wire: fuzzWire };
for (const [name, fuzz] of Object.entries(fuzzers)) {
  const { runs, refused, slowestMs } = fuzz(seconds / Object.keys(fuzzers).length, seed);
  console.log(`${name}: ${runs} inputs, ${refused} refused, slowest ${Math.round(slowestMs)} ms`);
}
