/**
 * `npm test`: types, lint and all tests in one go. The last line is `N passed, N failed`, with `, N skipped` behind it where tests were
 * skipped; types and lint count as one each. Arguments go to vitest: `npm test -- src/spool`.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

interface Counts {
  passed: number;
  failed: number;
  skipped: number;
}

/** What is read of vitest's JSON report. */
interface Report {
  numPassedTests: number;
  numFailedTests: number;
  numPendingTests: number;
  numTodoTests: number;
  testResults: { status: string; assertionResults: unknown[] }[];
}

const root: string = fileURLToPath(new URL('..', import.meta.url));

/** Runs a tool of node_modules/.bin with its output shown; resolves to whether it succeeded. */
function run(name: string, tool: string, args: string[]): Promise<boolean> {
  const begin = performance.now();
  const child = spawn(join(root, 'node_modules/.bin', tool), args, { cwd: root, stdio: 'inherit' });
  return new Promise((resolve) => {
    const done = (ok: boolean): void => {
      const seconds = ((performance.now() - begin) / 1000).toFixed(1);
      console.log(`${ok ? 'ok    ' : 'FAILED'} ${name} (${seconds} s)`);
      resolve(ok);
    };
    child.once('error', () => done(false));
    child.once('close', (code) => done(code === 0));
  });
}

/** A file that could not be loaded, an error outside of any test or a missing report counts as one failure. */
function countTests(reportPath: string, ok: boolean): Counts {
  let report: Report;
  try {
    report = JSON.parse(readFileSync(reportPath, 'utf8')) as Report;
  } catch {
    return { passed: 0, failed: 1, skipped: 0 };
  }
  const broken = report.testResults.filter(
    (file) => file.status === 'failed' && file.assertionResults.length === 0,
  );
  const failed = report.numFailedTests + broken.length;
  return {
    passed: report.numPassedTests,
    failed: failed === 0 && !ok ? 1 : failed,
    skipped: report.numPendingTests + report.numTodoTests,
  };
}

async function test(args: string[]): Promise<Counts> {
  const temp = mkdtempSync(join(tmpdir(), 'naru-test-report-'));
  const report = join(temp, 'report.json');
  try {
    const types = await run('types', 'tsc', ['-p', 'tsconfig.json']);
    const lint = await run('lint', 'biome', ['check', '.']);
    const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`];
    const tests = await run('tests', 'vitest', ['run', ...reporters, ...args]);
    const counts = countTests(report, tests);
    for (const ok of [types, lint]) counts[ok ? 'passed' : 'failed']++;
    return counts;
  } finally {
    rmSync(temp, { recursive: true, force: true });
  }
}

// A Ctrl-C reaches the tools too; each of them cleans up and ends, and then this does.
process.on('SIGINT', () => {});
const { passed, failed, skipped } = await test(process.argv.slice(2));
process.exitCode = failed > 0 ? 1 : 0;
console.log(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`);
