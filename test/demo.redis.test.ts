import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

const script: string = fileURLToPath(new URL('../scripts/demo.ts', import.meta.url));

it('shows a scan from a proxy that refuses PSYNC to another one', async () => {
  const args = ['--import', 'tsx', script, '--scenario', 'proxy', '--keys', '2000'];
  const { stdout } = await promisify(execFile)(process.execPath, args);
  expect(stdout).toContain('PSYNC_REFUSED');
  expect(stdout).toMatch(/keys +source 2,001, target 2,001/);
  expect(stdout).toMatch(/leaderboard +source 1,000 records, target 1,000 records/);
  expect(stdout).toMatch(/result +equal\n$/);
});

it('shows a live migration whose sides are equal', async () => {
  const args = ['--import', 'tsx', script, '--keys', '3000', '--seconds', '1'];
  const { stdout } = await promisify(execFile)(process.execPath, args);
  expect(stdout).toMatch(/leaderboard +source 1,000 records, target 1,000 records/);
  expect(stdout).toMatch(/changes followed +[1-9]/);
  expect(stdout).toMatch(/result +equal\n$/);
});
