import { Pace } from '../source/redis/scan/pace.ts';

/** Keys and bytes in a second, as options say. Undefined: there is no limit. */
export function paceOf({ rateKeys, rateBytes }: { rateKeys: number; rateBytes: number }): Pace | undefined {
  return rateKeys === 0 && rateBytes === 0 ? undefined : new Pace(rateKeys, rateBytes);
}
