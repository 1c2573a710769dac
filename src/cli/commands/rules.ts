/** `naru rules test`: what rules would do to some of a source's keys. */
import { layerOptions } from '../../config/layers.ts';
import { resolveSyncOptions, type SyncOptions } from '../../config/sync-options.ts';
import { errorEvent, toNaruError } from '../../engine/error-event.ts';
import type { RulesSample, Sampled } from '../../engine/rules-sample.ts';
import { NaruError } from '../../errors/errors.ts';
import type { Context } from '../context.ts';
import { flushed } from '../printer.ts';
import { eventText } from '../progress.ts';
import { exactText } from '../units.ts';

export const SAMPLE_DEFAULT = '1000';

/** Resolves, once all output is written, to the exit code. */
export async function runRulesTest(
  { sample = SAMPLE_DEFAULT, ...flags }: Readonly<Record<string, unknown>>,
  { out, err, env }: Context,
): Promise<number> {
  try {
    const { values, origins, warnings } = layerOptions('sync', flags, env);
    for (const warning of warnings) err.write(`warning: ${warning}\n`);
    if (!/^[1-9]\d{0,8}$/.test(String(sample))) {
      throw new NaruError('USAGE', '--sample is a number of keys, at least 1');
    }
    const { json, ...rest } = values;
    // The target is not asked for anything.
    const options = resolveSyncOptions({ to: 'redis://localhost', ...rest } as SyncOptions, origins);
    const { sampleRules } = await import('../../engine/rules-sample.ts');
    const found = await sampleRules(options, Number(sample), new AbortController().signal);
    out.write(json === true ? `${JSON.stringify(found)}\n` : text(found));
    return 0;
  } catch (error) {
    const failure = toNaruError(error);
    err.write(`${eventText(errorEvent(failure))}\n`);
    return failure.exitCode;
  } finally {
    await flushed(out);
  }
}

function text({ keys, kept, rules, merged }: RulesSample): string {
  const lines = [`Looked at ${exactText(keys)} keys; nothing was written.`];
  const tell = (what: string, { count, examples }: Sampled): void => {
    if (count === 0) return;
    lines.push(`${what} ${exactText(count)}`, ...examples.map((example) => `    ${example}`));
  };
  tell('kept', kept);
  for (const { rule, drops, renames, expires } of rules) {
    tell(`rule ${rule}: drops`, drops);
    tell(`rule ${rule}: renames`, renames);
    tell(`rule ${rule}: changes the expiry of`, expires);
    if (drops.count + renames.count + expires.count === 0) lines.push(`rule ${rule}: nothing`);
  }
  tell('two keys with one name:', merged);
  return `${lines.join('\n')}\n`;
}
