/** What a server that is older, or of another family, can't be given of a value: bits of what `Transcoder.transcode` returns. */

/** The hash is there, without the expiries of its fields. */
export const LOST_FIELD_EXPIRY = 1;
/** The server has no streams: nothing was written. */
export const CANNOT_STREAM = 2;
/** The server has no modules of this kind: nothing was written. */
export const CANNOT_MODULE = 4;
/** Nothing is left to write, and no server keeps an empty collection. */
export const EMPTY = 8;
