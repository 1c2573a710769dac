/** What rules cost in a full copy: the same data without rules (the yardstick), with a filter, with new names, with expiries, with functions. */
import { writeFileSync } from 'node:fs';
import { makeTempDir } from '../test/support/cleanup.ts';
import { fillStrings } from '../test/support/fill.ts';
import { RedisServer } from '../test/support/redis-server.ts';
import { naruWith } from './contestants.ts';
import type { Result } from './report.ts';

const STRINGS = 500_000;
const STRING_BYTES = 100;

export const WITHOUT_RULES = 'naru, no rules';

export async function benchRules(
  rounds: number,
  scale: number,
  tell: (text: string) => void,
): Promise<Result[]> {
  const temp = makeTempDir('naru-bench-rules-');
  const transform = `${temp.path}/rules.mjs`;
  writeFileSync(transform, 'export const entry = ({ key }) => key.length > 0;\n');
  const contestants = [
    naruWith(WITHOUT_RULES, []),
    naruWith('naru, prefix filter', ['--exclude-prefix', 'session:']),
    naruWith('naru, regex rename', ['--rename-regex', '/^(\\w+):(\\d+)$/$1.$2/']),
    naruWith('naru, database map', ['--db-map', '0=1']),
    naruWith('naru, transform', ['--transform', transform]),
  ];
  const data = 'strings, under rules';
  const results = contestants.map(
    ({ name }): Result => ({ part: 'rules', data, contestant: name, rounds: [] }),
  );
  const source = await RedisServer.start();
  try {
    await fillStrings(source, STRINGS * scale, STRING_BYTES);
    for (let round = 0; round < rounds; round++) {
      for (const [i, contestant] of contestants.entries()) {
        const target = await RedisServer.start();
        const copied = await contestant.copy(source, target).finally(() => target.stop());
        results[i]?.rounds.push(copied);
        tell(
          `round ${round + 1}: ${contestant.name} ${(copied.ms / 1000).toFixed(2)} s, CPU ${copied.cpuMs} ms`,
        );
      }
    }
    return results;
  } finally {
    await source.stop();
    temp.remove();
  }
}
