/** `naru decode`: what a file holds, on stdout. */
import { resolveDecodeOptions } from '../../config/file-options.ts';
import { layerOptions } from '../../config/layers.ts';
import { errorEvent, toNaruError } from '../../engine/error-event.ts';
import type { Context } from '../context.ts';
import { flushed } from '../printer.ts';
import { eventText } from '../progress.ts';
import { summaryJson, summaryText } from '../summary-text.ts';

type Flags = Readonly<Record<string, unknown>>;

/** Resolves, once all output is written, to the exit code. */
export async function runDecode(path: string, flags: Flags, context: Context): Promise<number> {
  const { out, err, env } = context;
  try {
    const { values, origins, warnings } = layerOptions('decode', flags, env);
    for (const warning of warnings) err.write(`warning: ${warning}\n`);
    const options = resolveDecodeOptions(values, origins);
    const { decode } = await import('../../engine/file-jobs/decode.ts');
    const decoded = await decode(path, options, out);
    if (decoded.summary !== undefined)
      out.write(options.json ? summaryJson(decoded.summary) : summaryText(decoded.summary));
    for (const warning of decoded.warnings) err.write(`${eventText({ event: 'warning', ...warning })}\n`);
    return 0;
  } catch (error) {
    // `naru decode | head` is an ordinary way to end.
    if ((error as NodeJS.ErrnoException).code === 'EPIPE') return 0;
    const failure = toNaruError(error);
    err.write(`${eventText(errorEvent(failure))}\n`);
    return failure.exitCode;
  } finally {
    await flushed(out);
  }
}
