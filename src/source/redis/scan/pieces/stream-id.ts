export interface Id {
  readonly ms: bigint;
  readonly seq: bigint;
}

const SEQ_MAX = 2n ** 64n - 1n;

/** `1526919030474-55` */
export function parseId(text: Buffer | string): Id {
  const [ms = '0', seq = '0'] = String(text).split('-');
  return { ms: BigInt(ms), seq: BigInt(seq) };
}

export function textOf({ ms, seq }: Id): string {
  return `${ms}-${seq}`;
}

/** The smallest that is larger. (`(id` as a start of a range came with Redis 6.2.) */
export function behind({ ms, seq }: Id): Id {
  return seq === SEQ_MAX ? { ms: ms + 1n, seq: 0n } : { ms, seq: seq + 1n };
}

export function lessThan(a: Id, b: Id): boolean {
  return a.ms < b.ms || (a.ms === b.ms && a.seq < b.seq);
}
