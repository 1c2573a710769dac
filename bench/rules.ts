/**
 * What rules cost: the same full copy, and the same stream, without rules (the yardstick), with a filter, with new names, with functions. `--before DIR` names
 * another checkout, which is built: what a run without rules cost there.
 */
import { writeFileSync } from 'node:fs';
import { makeTempDir } from '../test/support/cleanup.ts';
import { fillStrings } from '../test/support/fill.ts';
import { RedisServer } from '../test/support/redis-server.ts';
import { naruWith } from './contestants.ts';
import type { Result } from './report.ts';
import { COMMANDS, drainOnce } from './stream.ts';

const STRINGS = 500_000;
const STRING_BYTES = 100;

export const WITHOUT_RULES = 'naru, no rules';

/** The source's own keys and names come there: the end can be seen, and compared. */
const COMPARED = 2;

export async function benchRules(
  rounds: number,
  scale: number,
  tell: (text: string) => void,
  { before, only = [] }: { before?: string | undefined; only?: readonly string[] } = {},
): Promise<Result[]> {
  const temp = makeTempDir('naru-bench-rules-');
  const transform = `${temp.path}/rules.mjs`;
  writeFileSync(
    transform,
    'export const entry = ({ key }) => key.length > 0;\nexport const command = ({ name }) => name !== "PUBLISH";\n',
  );
  const plain =
    before === undefined ? [] : [naruWith('naru, before', [], { main: `${before}/dist/cli/main.js` })];
  const all = [
    ...plain,
    naruWith(WITHOUT_RULES, []),
    naruWith('naru, prefix filter', ['--exclude-prefix', 'session:']),
    naruWith('naru, regex rename', ['--rename-regex', '/^(\\w+):(\\d+)$/$1.$2/']),
    naruWith('naru, transform', ['--transform', transform]),
    naruWith('naru, database map', ['--db-map', '0=1']),
  ];
  // The marker of the end has to be found in its database.
  const streams = all.slice(0, -1);
  const compared = plain.length + COMPARED;
  try {
    const copies = await copyAll(wanted(all, only), rounds, scale, tell);
    const drains = await drainAll(
      wanted(streams, only),
      rounds,
      scale,
      tell,
      wanted(all.slice(0, compared), only),
    );
    return [...copies, ...drains];
  } finally {
    temp.remove();
  }
}

type Rounds = (
  contestants: readonly Follows[],
  rounds: number,
  scale: number,
  tell: (text: string) => void,
  compared?: readonly Follows[],
) => Promise<Result[]>;
type Follows = ReturnType<typeof naruWith>;

const copyAll: Rounds = async (contestants, rounds, scale, tell) => {
  const data = 'strings, under rules';
  const results = resultsOf(contestants, data);
  const source = await RedisServer.start();
  try {
    await fillStrings(source, STRINGS * scale, STRING_BYTES);
    for (let round = 0; round < rounds; round++) {
      for (const [i, contestant] of inTurns(contestants, round)) {
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
  }
};

const drainAll: Rounds = async (contestants, rounds, scale, tell, compared) => {
  const results = resultsOf(contestants, 'drain of SETs, under rules');
  for (let round = 0; round < rounds; round++) {
    for (const [i, contestant] of inTurns(contestants, round)) {
      const { name, follow } = contestant;
      const drained = await drainOnce(name, follow, COMMANDS * scale, compared?.includes(contestant));
      results[i]?.rounds.push(drained);
      tell(`drain, round ${round + 1}: ${name} ${(drained.ms / 1000).toFixed(2)} s, CPU ${drained.cpuMs} ms`);
    }
  }
  return results;
};

function wanted(contestants: readonly Follows[], only: readonly string[]): readonly Follows[] {
  return contestants.filter(({ name }) => only.length === 0 || only.includes(name));
}

/** Each round begins with another one: who comes first has a machine that is at rest. */
function inTurns(contestants: readonly Follows[], round: number): [number, Follows][] {
  const all = [...contestants.entries()];
  const first = round % all.length;
  return [...all.slice(first), ...all.slice(0, first)];
}

function resultsOf(contestants: readonly Follows[], data: string): Result[] {
  return contestants.map(({ name }) => ({ part: 'rules', data, contestant: name, rounds: [] }));
}
