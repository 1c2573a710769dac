import type { ValueSink } from './value-sink.ts';

const nothing = (): void => {};

/** Takes a value that nobody wants. */
export const ignoredValue: ValueSink = {
  begin: nothing,
  element: nothing,
  elementLength: nothing,
  elementPart: nothing,
  score: nothing,
  fieldExpireAt: nothing,
  streamEntry: nothing,
  streamMeta: nothing,
  streamGroup: nothing,
  streamConsumer: nothing,
  streamPending: nothing,
  end: nothing,
};
