/** The real command line in a real process, over a run that NARU_TEST_SCRIPT names. */
import { processContext } from '../../src/cli/process-context.ts';
import { runCli } from '../../src/cli/program.ts';
import { NaruError } from '../../src/errors/errors.ts';
import { done, fatal, progress, type Script, scriptedRun, warning } from './scripted-run.ts';

const scripts: Record<string, Script> = {
  async *quick() {
    yield progress;
    yield warning;
    yield done;
  },
  async *failing() {
    yield progress;
    yield fatal;
    throw new NaruError('KEY_EXISTS', 'the key exists');
  },
  async *untilStopped(stopped) {
    yield progress;
    await keepAlive(stopped);
    yield done;
  },
  async *deaf() {
    yield progress;
    await keepAlive(new Promise(() => {}));
  },
  /** A reader that goes away is seen only by a run that writes. */
  async *chatty(stopped) {
    let isStopped = false;
    void stopped.then(() => {
      isStopped = true;
    });
    while (!isStopped) {
      yield warning;
      await new Promise(setImmediate);
    }
    yield done;
  },
  /** More than any pipe holds. */
  async *flood() {
    for (let n = 0; n < 20_000; n++) yield { ...warning, message: `line ${n} ${'x'.repeat(100)}` };
    yield done;
  },
};

async function keepAlive(until: Promise<void>): Promise<void> {
  const timer = setInterval(() => {}, 60_000);
  await until;
  clearInterval(timer);
}

const { NARU_TEST_SCRIPT: name = '', ...env } = process.env;
const context = {
  ...processContext(),
  env,
  loadSync: async () => () => scriptedRun(scripts[name] as Script),
};
process.exit(await runCli(process.argv.slice(2), context));
