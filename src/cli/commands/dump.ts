/** `naru dump`: a server's data into an RDB file. */
import { resolveDumpOptions } from '../../config/file-options.ts';
import { layerOptions } from '../../config/layers.ts';
import { errorEvent, toNaruError } from '../../engine/error-event.ts';
import type { Context } from '../context.ts';
import { choosePrinter, follow, wantsJson, withoutSnapshotDone } from '../follow.ts';
import { warnOfInsecureTls } from '../insecure.ts';

/** Resolves, once all output is written, to the exit code. With `--to -` stdout is for the data: events go to stderr. */
export async function runDump(flags: Readonly<Record<string, unknown>>, context: Context): Promise<number> {
  const { json, to } = flags;
  const telling = to === '-' ? { ...context, out: context.err } : context;
  let printer = choosePrinter(json === true, telling);
  try {
    const layered = layerOptions('dump', flags, context.env);
    const isJson = wantsJson(layered);
    const { to: target } = layered.values;
    printer = choosePrinter(isJson, target === '-' ? { ...context, out: context.err } : context);
    if (!isJson) printer = withoutSnapshotDone(printer);
    for (const warning of layered.warnings) printer.note(`warning: ${warning}`);
    const options = resolveDumpOptions(layered.values, layered.origins);
    warnOfInsecureTls({ fromTls: options.fromTls }, printer);
    const { dump } = await import('../../engine/file-jobs/dump-job.ts');
    return await follow(dump(options, context.out), printer, context, 'ending without a file');
  } catch (error) {
    const failure = toNaruError(error);
    printer.event(errorEvent(failure));
    return failure.exitCode;
  } finally {
    await printer.end();
  }
}
