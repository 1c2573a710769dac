import { open, unlink } from 'node:fs/promises';

/** A file of bytes at positions. Both operations take `buffer` whole, may do less than asked, and return how many bytes they did. */
export interface SpoolFile {
  write(buffer: Buffer, position: number): Promise<number>;
  /** 0 at the end of the file. */
  read(buffer: Buffer, position: number): Promise<number>;
  close(): Promise<void>;
}

/** The file operations of a spool, so that a test can delay or fail them. */
export interface SpoolFiles {
  /** A new empty file, for reading and writing (mode 0600). Fails with EEXIST where there is one. */
  create(path: string): Promise<SpoolFile>;
  /** No error where there is none. */
  remove(path: string): Promise<void>;
}

export const nodeFiles: SpoolFiles = {
  async create(path: string): Promise<SpoolFile> {
    const handle = await open(path, 'wx+', 0o600);
    return {
      write: async (buffer, position) =>
        (await handle.write(buffer, 0, buffer.length, position)).bytesWritten,
      read: async (buffer, position) => (await handle.read(buffer, 0, buffer.length, position)).bytesRead,
      close: () => handle.close(),
    };
  },

  async remove(path: string): Promise<void> {
    try {
      await unlink(path);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
  },
};
