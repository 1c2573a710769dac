import { BLOCK_BYTES, type BlockWriter } from '../../protocol/resp/output.ts';

/** Blocks that are kept for later, 2 MiB: what PacedWriter lets wait, and one slice. */
const FREE_BLOCKS_MAX = 32;

/** Blocks of output that are used again once they are written: new ones for each would die slowly, outside of the heap. */
export class BlockPool {
  readonly #write: BlockWriter;
  readonly #free: Buffer[] = [];

  constructor(write: BlockWriter) {
    this.#write = write;
  }

  take(): Buffer {
    return this.#free.pop() ?? Buffer.allocUnsafeSlow(BLOCK_BYTES);
  }

  /** Hands over the first `used` bytes of a block. */
  give(block: Buffer, used: number): void {
    this.#write(block.subarray(0, used), () => {
      if (this.#free.length < FREE_BLOCKS_MAX) this.#free.push(block);
    });
  }
}
