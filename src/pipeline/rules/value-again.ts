import { VALKEY_VERSION_MIN } from '../../protocol/rdb/types.ts';
import type { Rules } from '../../rules/rules.ts';
import type { KeyValue } from '../recopy/held-keys.ts';
import { typeName } from './ruled-snapshot.ts';

const FOOTER_BYTES = 10;

/**
 * What becomes of a value that was read again; undefined: the key is none that is copied, and is left as it is in the target. A value whose type
 * is dropped takes away what stood there before.
 */
export function valueAgain(rules: Rules, db: number, key: Buffer, value: KeyValue): KeyValue | undefined {
  const { payload, expireAtMs } = value;
  if (rules.decide(db, key, 0, key.length, undefined) >= 0) return undefined;
  if (payload === undefined) return value;
  if (rules.knowsTypes) {
    const rule = rules.decide(db, key, 0, key.length, typeOf(payload));
    if (rule >= 0) {
      rules.counters.dropped(rule);
      return { payload: undefined, expireAtMs: -1 };
    }
  }
  const at = rules.changesTtls ? rules.expiry(db, key, 0, key.length, expireAtMs, Date.now()) : expireAtMs;
  const { transform } = rules;
  const wanted = transform?.ofEntries ? transform.entry(db, key, typeOf(payload), at) : at;
  if (Number.isNaN(wanted)) {
    rules.transformDropped();
    return { payload: undefined, expireAtMs: -1 };
  }
  if (wanted !== at) rules.counters.ttlChanged(rules.counters.transform);
  return wanted === expireAtMs ? value : { payload, expireAtMs: wanted };
}

/** See dump-payload.ts for the form. */
function typeOf(payload: Buffer): ReturnType<typeof typeName> {
  const version = payload.readUInt16LE(payload.length - FOOTER_BYTES);
  return typeName(payload[0] as number, version >= VALKEY_VERSION_MIN ? 'valkey' : 'redis');
}
