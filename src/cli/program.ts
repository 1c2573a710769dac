/** The command line itself: commands, flags, help, and what is said about a wrong one. */
import { readFileSync } from 'node:fs';
import { Command, CommanderError } from 'commander';
import { OPTIONS, type OptionName } from '../config/options.ts';
import { scrub } from '../config/scrub.ts';
import { errorEvent } from '../engine/error-event.ts';
import { NaruError } from '../errors/errors.ts';
import { runConvert } from './commands/config.ts';
import { runDecode } from './commands/decode.ts';
import { runDump } from './commands/dump.ts';
import { runRestore } from './commands/restore.ts';
import { runRulesTest, SAMPLE_DEFAULT } from './commands/rules.ts';
import { runScan } from './commands/scan.ts';
import { runSync } from './commands/sync.ts';
import type { Context } from './context.ts';
import { addFlags, helpFooter } from './flags.ts';
import { flushed } from './printer.ts';
import { eventText } from './progress.ts';

const USAGE_EXIT = 2;

/** Runs one command line (without `node` and the script). Resolves, once all output is written, to the exit code. */
export async function runCli(args: readonly string[], context: Context): Promise<number> {
  let exitCode = 0;
  const program = buildProgram(context, async (run) => {
    exitCode = await run;
  });
  try {
    await program.parseAsync(args, { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    exitCode = usageExit(error, context);
  }
  await Promise.all([flushed(context.out), flushed(context.err)]);
  return exitCode;
}

function buildProgram(context: Context, finish: (run: Promise<number>) => Promise<void>): Command {
  const program = new Command('naru')
    .description('Moves a live Redis to another one.')
    .version(readVersion(), '-V, --version')
    .exitOverride()
    .configureOutput({
      writeOut: (text) => void context.out.write(text),
      writeErr: (text) => void context.err.write(text),
      // Errors come back as exceptions, and are printed as all errors are.
      outputError: () => {},
      getOutHelpWidth: () => context.out.columns || 100,
      getErrHelpWidth: () => context.err.columns || 100,
    });
  const sync = program
    .command('sync')
    .description('Copy everything by replication (PSYNC), then follow changes until stopped.')
    .usage('--from <url> --to <url> [options]')
    .allowExcessArguments(false)
    .action((flags: Record<string, unknown>) => finish(runSync(flags, context)));
  addFlags(sync, 'sync');
  sync.addHelpText('after', helpFooter('sync'));
  const scan = program
    .command('scan')
    .alias('rump')
    .description('Copy everything by SCAN and DUMP, where the source offers no replication.')
    .usage('--from <url> --to <url> [options]')
    .allowExcessArguments(false)
    .action((flags: Record<string, unknown>) => finish(runScan(flags, context)));
  addFlags(scan, 'scan');
  scan.addHelpText('after', helpFooter('scan'));
  const restore = program
    .command('restore')
    .description('Write what RDB or AOF files hold to a server.')
    .usage('--from <path> --to <url> [options]')
    .allowExcessArguments(false)
    .action((flags: Record<string, unknown>) => finish(runRestore(flags, context)));
  addFlags(restore, 'restore');
  restore.addHelpText('after', helpFooter('restore'));
  const dump = program
    .command('dump')
    .description('Write all data of a server to an RDB file.')
    .usage('--from <url> --to <path> [options]')
    .allowExcessArguments(false)
    .action((flags: Record<string, unknown>) => finish(runDump(flags, context)));
  addFlags(dump, 'dump');
  dump.addHelpText('after', helpFooter('dump'));
  const decode = program
    .command('decode')
    .description('Tell what an RDB or AOF file holds: as JSON, as commands, or in numbers.')
    .argument('<file>', 'RDB or AOF file, directory with a multi-part AOF, or - for standard input')
    .allowExcessArguments(false)
    .action((file: string, flags: Record<string, unknown>) => finish(runDecode(file, flags, context)));
  addFlags(decode, 'decode');
  const test = program
    .command('rules')
    .description('Help with rules.')
    .command('test')
    .description('Show what rules would keep, drop and rename of some keys of a source. Nothing is written.')
    .usage('--from <url> [options]')
    .option('--sample <n>', `keys to look at (default ${SAMPLE_DEFAULT})`)
    .allowExcessArguments(false)
    .action((flags: Record<string, unknown>) => finish(runRulesTest(flags, context)));
  addFlags(test, 'sync', isOfRulesTest);
  program
    .command('config')
    .description('Help with configuration files.')
    .command('convert')
    .description(
      'Write a configuration of RedisShake (shake.toml, redis-shake.conf) as naru.toml, on stdout.',
    )
    .argument('<file>', 'the configuration of RedisShake')
    .allowExcessArguments(false)
    .action((file: string) => finish(runConvert(file, context)));
  return program;
}

/** A source, and rules. */
function isOfRulesTest(name: OptionName): boolean {
  return (
    OPTIONS[name].group === 'Choosing' ||
    /^(from|tls)(-|$)/.test(name) ||
    ['config', 'json', 'connect-timeout'].includes(name)
  );
}

/** Help and version are exceptions too, with exit code 0; help that nobody asked for is a usage error. */
function usageExit(error: CommanderError, context: Context): number {
  if (error.exitCode === 0) return 0;
  if (error.code === 'commander.help') return USAGE_EXIT;
  const [what = '', ...suggestion] = error.message.replace(/^error: /, '').split('\n');
  const message = [withoutValue(what), ...suggestion].join(' ');
  context.err.write(`${eventText(errorEvent(new NaruError('USAGE', message)))}\n`);
  return USAGE_EXIT;
}

/** Commander quotes the argument that it does not know, and `--fom=redis://:password@host` is one argument. */
function withoutValue(text: string): string {
  return scrub(text.replace(/'(-[^'=]*)=.*'/s, "'$1'"));
}

function readVersion(): string {
  const file = new URL('../../package.json', import.meta.url);
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version;
}
