/**
 * `npx tsx scripts/command-table.ts`: writes src/pipeline/keys/built-in.ts anew, from the newest Redis and the newest Valkey that
 * `npm run servers` has put into the cache. What both know is told as Redis tells it.
 */
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { newestTable } from '../test/support/newest-commands.ts';

const file: string = fileURLToPath(new URL('../src/pipeline/keys/built-in.ts', import.meta.url));
const { versions, lines } = await newestTable();
writeFileSync(
  file,
  `/**
 * Commands that write or have keys, and those without keys that occur in replication streams. Made by scripts/command-table.ts; the notation
 * is that of notation.ts.
 */
export const BUILT_IN_VERSIONS: readonly string[] = ${JSON.stringify(versions)};

export const BUILT_IN = \`
${lines.join('\n')}
\`;
`,
);
execFileSync('npx', ['biome', 'check', '--write', file], { stdio: 'inherit' });
console.log(`${lines.length} commands of ${versions.join(' and ')}`);
