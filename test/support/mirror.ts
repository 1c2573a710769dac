/** A moment in the path of a mirror that keeps Debian as it was then. */
const MOMENT = /\d{8}T\d{6}Z/;

/**
 * Where a suite may be found when the machine's mirror is at `uri`: there, and where that is a dated copy, in today's too, since a newer suite is not
 * in an older copy.
 */
export function mirrorCandidates(uri: string, now: Date): string[] {
  if (!MOMENT.test(uri)) return [uri];
  const today = `${now.toISOString().slice(0, 10).replaceAll('-', '')}T000000Z`;
  return [uri, uri.replace(MOMENT, today)];
}
