/** `naru restore`: files in, a server filled. */
import { resolveRestoreOptions } from '../../config/file-options.ts';
import { layerOptions } from '../../config/layers.ts';
import { errorEvent, toNaruError } from '../../engine/error-event.ts';
import type { Context } from '../context.ts';
import { choosePrinter, follow, wantsJson, withoutSnapshotDone } from '../follow.ts';
import { warnOfInsecureTls } from '../insecure.ts';

/** Resolves, once all output is written, to the exit code. */
export async function runRestore(
  flags: Readonly<Record<string, unknown>>,
  context: Context,
): Promise<number> {
  const { json } = flags;
  let printer = choosePrinter(json === true, context);
  try {
    const layered = layerOptions('restore', flags, context.env);
    const isJson = wantsJson(layered);
    printer = choosePrinter(isJson, context);
    if (!isJson) printer = withoutSnapshotDone(printer);
    for (const warning of layered.warnings) printer.note(`warning: ${warning}`);
    const options = resolveRestoreOptions(layered.values, layered.origins);
    warnOfInsecureTls({ toTls: options.toTls }, printer);
    const { restore } = await import('../../engine/file-jobs/restore-job.ts');
    return await follow(restore(options), printer, context, 'ending before all was restored');
  } catch (error) {
    const failure = toNaruError(error);
    printer.event(errorEvent(failure));
    return failure.exitCode;
  } finally {
    await printer.end();
  }
}
