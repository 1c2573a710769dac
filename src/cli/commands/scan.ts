/** `naru scan`: options in, events out, an exit code back. */
import { layerOptions } from '../../config/layers.ts';
import { resolveScanOptions, type ScanOptions } from '../../config/scan-options.ts';
import { errorEvent, toNaruError } from '../../engine/error-event.ts';
import { startRun } from '../../engine/run.ts';
import type { Context } from '../context.ts';
import { choosePrinter, follow, wantsJson } from '../follow.ts';
import { warnOfInsecureTls } from '../insecure.ts';

const LIVE_ENDS = 'looking once more for what has changed, then ending';

/** Resolves, once all output is written, to the exit code. */
export async function runScan(flags: Readonly<Record<string, unknown>>, context: Context): Promise<number> {
  const { json } = flags;
  let printer = choosePrinter(json === true, context);
  try {
    const layered = layerOptions('scan', flags, context.env);
    printer = choosePrinter(wantsJson(layered), context);
    for (const warning of layered.warnings) printer.note(`warning: ${warning}`);
    const { json: _, ...values } = layered.values;
    const options = resolveScanOptions(values as ScanOptions, layered.origins);
    warnOfInsecureTls(options, printer);
    const { ScanRun } = await import('../../engine/scan/scan-run.ts');
    const run = startRun((emit) => new ScanRun(options, emit));
    return await follow(
      run,
      printer,
      context,
      options.live ? LIVE_ENDS : 'ending; --resume goes on from here',
    );
  } catch (error) {
    const failure = toNaruError(error);
    printer.event(errorEvent(failure));
    return failure.exitCode;
  } finally {
    await printer.end();
  }
}
