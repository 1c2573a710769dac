/** Finds the manifest of a multi-part AOF and the files it names. */
import { readdir, readFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { NaruError } from '../../errors/errors.ts';
import { parseManifest } from '../../protocol/aof/manifest.ts';
import { fileSize } from './byte-file.ts';
import { toFileError, toFileFormatError } from './failures.ts';
import type { FilePart } from './file-source.ts';

const SUFFIX = '.manifest';
/** Redis's own name for the folder (appenddirname) in the folder of its data. */
export const REDIS_FOLDER = 'appendonlydir';

export const isManifest = (path: string): boolean => path.endsWith(SUFFIX);

/** The manifest in a folder, or in its `appendonlydir`. Throws FILE_UNKNOWN where there is not exactly one. */
export async function findManifest(folder: string): Promise<string> {
  const names = await list(folder);
  const manifests = names.filter(isManifest);
  if (manifests.length === 1) return join(folder, manifests[0] as string);
  if (manifests.length === 0 && basename(folder) !== REDIS_FOLDER && names.includes(REDIS_FOLDER))
    return findManifest(join(folder, REDIS_FOLDER));
  const found =
    manifests.length === 0 ? `no file *${SUFFIX}` : `several manifests (${manifests.sort().join(', ')})`;
  throw new NaruError('FILE_UNKNOWN', `The directory ${folder} holds ${found}`, {
    side: 'source',
    node: folder,
  });
}

async function list(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    throw toFileError(error, folder);
  }
}

/** The files that a manifest names, in the order in which they are read; all of them are there. */
export async function manifestParts(manifest: string): Promise<FilePart[]> {
  const files = parse(await content(manifest), manifest);
  if (files.length === 0) {
    const place = { side: 'source', node: manifest } as const;
    throw new NaruError('FILE_UNKNOWN', `The manifest ${manifest} names no file with data`, place);
  }
  return Promise.all(
    files.map(async ({ name }, index) => {
      const path = join(dirname(manifest), name);
      return { name, path, bytes: await fileSize(path), last: index === files.length - 1 };
    }),
  );
}

async function content(manifest: string): Promise<Buffer> {
  try {
    return await readFile(manifest);
  } catch (error) {
    throw toFileError(error, manifest);
  }
}

function parse(bytes: Buffer, manifest: string): ReturnType<typeof parseManifest> {
  try {
    return parseManifest(bytes);
  } catch (error) {
    throw toFileFormatError(error, manifest);
  }
}
