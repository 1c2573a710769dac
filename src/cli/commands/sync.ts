/** `naru sync`: options in, events out, an exit code back. */
import { readOption } from '../../config/kinds.ts';
import { type Layered, layerOptions } from '../../config/layers.ts';
import { OPTIONS } from '../../config/options.ts';
import { type ResolvedSyncOptions, resolveSyncOptions, type SyncOptions } from '../../config/sync-options.ts';
import { errorEvent, toNaruError } from '../../engine/error-event.ts';
import type { SyncRun } from '../../engine/sync.ts';
import type { Context } from '../context.ts';
import { JsonLines } from '../json-lines.ts';
import type { Printer } from '../printer.ts';
import { Screen } from '../screen.ts';

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
    return await follow(sync(options), printer, context);
  } catch (error) {
    const failure = toNaruError(error);
    printer.event(errorEvent(failure));
    return failure.exitCode;
  } finally {
    await printer.end();
  }
}

async function follow(run: SyncRun, printer: Printer, context: Context): Promise<number> {
  // It fails together with the iterator, which is where the failure is seen.
  run.result.catch(() => {});
  const stopListening = stopOnSignal(run, printer, context);
  stopOnLostOutput(run, printer, context);
  let told = false;
  try {
    for await (const event of run) {
      printer.event(event);
      told = event.event === 'error' && !event.retry;
    }
    await run.result;
    return 0;
  } catch (error) {
    const failure = toNaruError(error);
    if (!told) printer.event(errorEvent(failure));
    return failure.exitCode;
  } finally {
    stopListening();
  }
}

function stopOnSignal(run: SyncRun, printer: Printer, context: Context): () => void {
  let stopping = false;
  return context.onSignal((signal) => {
    if (stopping) {
      printer.note(`${signal} again: ended at once.`);
      context.exit(1);
      return;
    }
    stopping = true;
    printer.note(`${signal}: applying what was received, then ending. Once more ends at once.`);
    run.stop();
  });
}

/** `naru sync | head` is an ordinary way to end. A log on a full disk is not, and stderr may still be read. */
function stopOnLostOutput(run: SyncRun, printer: Printer, context: Context): void {
  context.onOutputLost((code) => {
    if (code !== 'EPIPE')
      printer.note(`stdout can not be written (${code}): applying what was received, then ending.`);
    run.stop();
  });
}

function choosePrinter(json: boolean, context: Context): Printer {
  return json ? new JsonLines(context.out, context.err) : new Screen(context.out, context.err, context.env);
}

function wantsJson(layered: Layered): boolean {
  const { json = false } = layered.values;
  const { json: origin = 'default' } = layered.origins;
  return readOption('json', OPTIONS.json, json, origin) === true;
}

function resolve(layered: Layered): ResolvedSyncOptions {
  const { json: _, ...values } = layered.values;
  return resolveSyncOptions(values as SyncOptions, layered.origins);
}

function warnOfInsecureTls(options: ResolvedSyncOptions, printer: Printer): void {
  const sides = [
    ...(options.fromTls?.insecure ? ['source'] : []),
    ...(options.toTls?.insecure ? ['target'] : []),
  ];
  if (sides.length === 0) return;
  printer.note(
    `WARNING: --tls-insecure: the certificate of the ${sides.join(' and of the ')} is NOT verified. Anybody on the way can read and change the data. Not for production.`,
  );
}
