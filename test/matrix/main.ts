/**
 * `npm run test:matrix`: a live migration from every version to every version of the servers that `npm run servers` has fetched. A cell is
 * `ok`, `ok*` (what the target can't hold was refused first, and left out with --lossy) or `FAIL`, with the number of keys that were read again. Names restrict it:
 * `-- redis-6.0 valkey-9` takes the pairs of these.
 */
import { cachedServers, RELEASES } from '../support/servers.ts';
import { runPair } from './pair.ts';

const names = process.argv.slice(2);
const servers = cachedServers().filter(({ name }) => names.length === 0 || names.includes(name));
for (const { name } of RELEASES) {
  const wanted = names.length === 0 || names.includes(name);
  if (wanted && !servers.some((server) => server.name === name)) {
    console.log(`${name}: not there, left out (npm run servers fetches it)`);
  }
}

const failures: string[] = [];

async function cell(from: (typeof servers)[number], to: (typeof servers)[number]): Promise<string> {
  try {
    const { lossy, recopied, wrong } = await runPair(from, to);
    if (wrong.length === 0) return `ok${lossy ? '*' : ''}${recopied > 0 ? ` ${recopied}` : ''}`;
    failures.push(...wrong.map((line) => `${from.name} -> ${to.name}: ${line}`));
  } catch (error) {
    failures.push(`${from.name} -> ${to.name}: ${(error as Error).message}`);
  }
  return 'FAIL';
}

const width = Math.max(...servers.map(({ name }) => name.length), 'from \\ to'.length) + 2;
const row = (cells: string[]): string =>
  cells
    .map((text) => text.padEnd(width))
    .join('')
    .trimEnd();
console.log(row(['from \\ to', ...servers.map(({ name }) => name)]));
for (const from of servers) {
  const cells: string[] = [];
  for (const to of servers) cells.push(await cell(from, to));
  console.log(row([from.name, ...cells]));
}
for (const failure of failures) console.error(`FAIL ${failure}`);
process.exitCode = failures.length === 0 && servers.length > 0 ? 0 : 1;
