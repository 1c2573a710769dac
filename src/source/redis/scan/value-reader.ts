import type { RespClient } from '../../../net/client.ts';

/** Reads keys that are too large to be asked for whole, or that a source without DUMP has. */
export interface ValueReader {
  /** The key that was read last is another node's: nothing of it was written. */
  readonly elsewhere: boolean;
  /**
   * Reads one key by its type, in pieces, and writes it into the records as one entry or several parts (naru:part). The key is in the database that
   * is selected on the connection, and nothing else is under way on it. Resolves to false: it has vanished, and no part of it was
   * written. `changed`: it is told to have changed; else one that is as it was when it was read last is not written. Rejects with NaruError, and with the connection's where that is lost; then the key is read again from the beginning.
   */
  read(client: RespClient, key: Buffer, expireAtMs: number, changed?: boolean): Promise<boolean>;
  /**
   * The same for many keys that are known to be small, in few round trips. `keys[i]` expires at `expireAtMs[i]`. Calls `done` for each in their
   * order, once it is written or has shown to be gone.
   */
  readMany(
    client: RespClient,
    keys: readonly Buffer[],
    expireAtMs: readonly number[],
    done: (index: number, isThere: boolean) => void,
  ): Promise<void>;
}
