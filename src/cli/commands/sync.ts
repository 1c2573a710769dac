/** `naru sync`: options in, events out, an exit code back. */
import { type Layered, layerOptions } from '../../config/layers.ts';
import { type ResolvedSyncOptions, resolveSyncOptions, type SyncOptions } from '../../config/sync-options.ts';
import { errorEvent, toNaruError } from '../../engine/error-event.ts';
import type { Context } from '../context.ts';
import { choosePrinter, follow, wantsJson } from '../follow.ts';
import { warnOfInsecureTls } from '../insecure.ts';

/** `flags` are those that were set, by their names in camel case. Resolves, once all output is written, to the exit code. */
export async function runSync(flags: Readonly<Record<string, unknown>>, context: Context): Promise<number> {
  const { json } = flags;
  let printer = choosePrinter(json === true, context);
  try {
    const layered = layerOptions('sync', flags, context.env);
    printer = choosePrinter(wantsJson(layered), context);
    for (const warning of layered.warnings) printer.note(`warning: ${warning}`);
    const options = resolve(layered);
    warnOfInsecureTls(options, printer);
    const sync = await context.loadSync();
    return await follow(sync(options), printer, context, 'applying what was received, then ending');
  } catch (error) {
    const failure = toNaruError(error);
    printer.event(errorEvent(failure));
    return failure.exitCode;
  } finally {
    await printer.end();
  }
}

function resolve(layered: Layered): ResolvedSyncOptions {
  const { json: _, ...values } = layered.values;
  return resolveSyncOptions(values as SyncOptions, layered.origins);
}
