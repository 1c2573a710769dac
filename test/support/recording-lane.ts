/** A lane for writers under test: it keeps what they write. */
import { Output } from '../../src/protocol/resp/output.ts';
import { Kind } from '../../src/target/redis/in-flight.ts';
import type { LaneWriter } from '../../src/target/redis/lane-writer.ts';

const NAMES: ReadonlyMap<number, string> = new Map(Object.entries(Kind).map(([name, kind]) => [kind, name]));

export class RecordingLane implements LaneWriter {
  /** for each command `KIND db offset count` */
  readonly ends: string[] = [];
  /** the frames of all commands */
  bytes: Buffer = Buffer.alloc(0);
  #db = 0;
  readonly output: Output = new Output((bytes, done) => {
    this.bytes = Buffer.concat([this.bytes, bytes]);
    done();
  });

  begin(db: number): Output {
    this.#db = db;
    return this.output;
  }

  end(kind: Kind, count: number, offset: number): void {
    this.output.flush();
    this.ends.push(`${NAMES.get(kind)} ${this.#db} ${offset} ${count}`);
  }

  beginPair(): Output {
    throw new Error('Not for these tests');
  }

  endPair(): void {
    throw new Error('Not for these tests');
  }

  whenAnswered(write: () => void): void {
    write();
  }
}
