/**
 * How the keys of a source are walked. A source is one walk or several (the shards behind a proxy); each begins at cursor 0 and ends when 0 comes back.
 * Walks are made for each database anew.
 */
export interface ScanWalk {
  /** names it in a checkpoint and in progress: `` for the only one, a proxy's shard number or node id */
  readonly name: string;
  /** The command for the next step, without the reader's options: `SCAN cursor COUNT n`, `ISCAN 1 cursor COUNT n`, `SCAN cursor COUNT n NODEID`. */
  step(cursor: string, count: number): (string | number)[];
  /** What asks the server that is walked for its INFO: to another process its cursors mean nothing. Absent where nobody knows who would answer. */
  readonly info?: readonly (string | number)[];
}

export const plainWalk: ScanWalk = {
  name: '',
  step: (cursor, count) => ['SCAN', cursor, 'COUNT', count],
  info: ['INFO', 'server'],
};
