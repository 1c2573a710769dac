import type { EntryView } from './sink.ts';

export function emptyEntry(): EntryView {
  const none = Buffer.alloc(0);
  return {
    keyBuf: none,
    keyStart: 0,
    keyEnd: 0,
    type: 0,
    valueBuf: none,
    valueStart: 0,
    valueEnd: 0,
    expireAtMs: -1,
    idleSeconds: -1,
    freq: -1,
    offset: 0,
    db: 0,
  };
}

/** What stood before one key does not hold for the next. */
export function forgetPrefix(view: EntryView): void {
  view.expireAtMs = -1;
  view.idleSeconds = -1;
  view.freq = -1;
}
