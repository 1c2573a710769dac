/** What the commands that run for a while have in common: their events, signals, and exit codes. */
import { readOption } from '../config/kinds.ts';
import type { Layered } from '../config/layers.ts';
import { OPTIONS } from '../config/options.ts';
import { errorEvent, toNaruError } from '../engine/error-event.ts';
import type { Run } from '../engine/run.ts';
import type { Context } from './context.ts';
import { JsonLines } from './json-lines.ts';
import type { Printer } from './printer.ts';
import { Screen } from './screen.ts';

/** Prints a run's events to its end. `stopping` ends the sentence on what a signal does. Resolves to the exit code. */
export async function follow(
  run: Run,
  printer: Printer,
  context: Context,
  stopping: string,
): Promise<number> {
  // It fails together with the iterator, which is where the failure is seen.
  run.result.catch(() => {});
  const stopListening = stopOnSignal(run, printer, context, stopping);
  stopOnLostOutput(run, printer, context, stopping);
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

function stopOnSignal(run: Run, printer: Printer, context: Context, words: string): () => void {
  let stopping = false;
  return context.onSignal((signal) => {
    if (stopping) {
      printer.note(`${signal} again: ended at once.`);
      context.exit(1);
      return;
    }
    stopping = true;
    printer.note(`${signal}: ${words}. Once more ends at once.`);
    run.stop();
  });
}

/** `naru sync | head` is an ordinary way to end. A log on a full disk is not, and stderr may still be read. */
function stopOnLostOutput(run: Run, printer: Printer, context: Context, words: string): void {
  context.onOutputLost((code) => {
    if (code !== 'EPIPE') printer.note(`stdout can not be written (${code}): ${words}.`);
    run.stop();
  });
}

export function choosePrinter(json: boolean, context: Context): Printer {
  return json ? new JsonLines(context.out, context.err) : new Screen(context.out, context.err, context.env);
}

export function wantsJson(layered: Layered): boolean {
  const { json = false } = layered.values;
  const { json: origin = 'default' } = layered.origins;
  return readOption('json', OPTIONS.json, json, origin) === true;
}

/** For people: where nothing follows a copy, `done` says all that `snapshot_done` says. */
export function withoutSnapshotDone(printer: Printer): Printer {
  return {
    event: (event) => {
      if (event.event !== 'snapshot_done') printer.event(event);
    },
    note: (text) => printer.note(text),
    end: () => printer.end(),
  };
}
