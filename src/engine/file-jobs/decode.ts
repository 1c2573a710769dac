/** `naru decode`: a file's content in another form, on standard output. */
import type { ResolvedDecodeOptions } from '../../config/file-options.ts';
import { loadRules } from '../../config/rules-of-options.ts';
import { ruledSink } from '../../pipeline/rules/ruled-sink.ts';
import { type DecodedEnd, decodeFile } from '../../source/file/decode-file.ts';
import { openFileSource } from '../../source/file/file-source.ts';
import { CommandsWriter } from '../../target/file/commands-writer.ts';
import type { DecodedSink } from '../../target/file/decoded-sink.ts';
import { JsonLinesWriter } from '../../target/file/json-lines-writer.ts';
import { type ByteTaker, PacedWriter } from '../../target/file/paced-writer.ts';
import { type Summary, SummarySink } from '../../target/file/summary.ts';
import { endWarnings } from './end-warnings.ts';

/** A value that is larger is taken apart while it arrives, and never held. */
const BIG_ENTRY_BYTES = 1024 * 1024;
/** A command that is larger goes by in parts: then a file that breaks off in it is an error, as half a command is out already. */
const BIG_COMMAND_BYTES = 64 * 1024 * 1024;

export interface Decoded {
  /** with the format `summary` */
  summary: Summary | undefined;
  warnings: { code: string; message: string }[];
}

/** Resolves when all is written. Rejects with NaruError, and with the error of `out` where that fails. */
export async function decode(path: string, options: ResolvedDecodeOptions, out: ByteTaker): Promise<Decoded> {
  const { format, until, verifyChecksum } = options;
  const writer = new PacedWriter(out);
  const sink = sinkOf(format, writer);
  const rules = await loadRules(options);
  const transform = rules?.transform;
  const source = await openFileSource(path);
  const decoded = await decodeFile(source, {
    sink: rules === undefined ? sink : ruledSink(sink, rules),
    bigEntryBytes: BIG_ENTRY_BYTES,
    bigCommandBytes: BIG_COMMAND_BYTES,
    verifyChecksum,
    ...(until === undefined ? {} : { until }),
    ...(transform !== undefined && { around: (decode) => transform.watched(decode) }),
    partBegins: () => sink.partBegins(),
    breathe: () => writer.room(),
  }).catch(async (error: unknown) => {
    // What was good is out, up to the fault.
    sink.flush();
    await writer.flushed();
    throw error;
  });
  finish(sink, decoded);
  await writer.flushed();
  return {
    summary: sink instanceof SummarySink ? sink.summary : undefined,
    warnings: [...endWarnings(decoded, until), ...rejectedWarnings(transform?.rejected ?? 0)],
  };
}

function rejectedWarnings(count: number): { code: string; message: string }[] {
  const message = `${count} entries and commands were left out, since a function of --transform failed at them.`;
  return count === 0 ? [] : [{ code: 'LEFT_OUT', message }];
}

function sinkOf(format: ResolvedDecodeOptions['format'], writer: PacedWriter): DecodedSink {
  switch (format) {
    case 'jsonl':
      return new JsonLinesWriter((bytes, done) => writer.write(bytes, done));
    case 'commands':
      return new CommandsWriter((bytes, done) => writer.write(bytes, done));
    default:
      return new SummarySink(Date.now());
  }
}

function finish(sink: DecodedSink, { end }: DecodedEnd): void {
  if (sink instanceof CommandsWriter && end.unfinished === 'transaction') sink.discard();
  sink.flush();
}
