import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { makeTempDir } from '../../test/support/cleanup.ts';
import { loadTransform } from './transform.ts';

const temp = makeTempDir();
afterAll(() => temp.remove());

let count = 0;
function moduleOf(code: string): string {
  const path = join(temp.path, `${++count}.mjs`);
  writeFileSync(path, code);
  return path;
}

describe('a module for --transform', () => {
  it.each([
    ['loops while it is loaded', 'for (;;);', 'it does not come to an end', 500],
    ['waits for ever', 'await new Promise(() => {});', 'it does not come to an end', undefined],
    ['throws', 'throw new Error("not today");', 'not today', undefined],
    ['is no module', 'export function entry( {', 'Unexpected end of input', undefined],
    ['exports nothing', '', 'it exports none of the functions entry', undefined],
    [
      'exports what is not known',
      'export const keep = () => true;',
      'keep is none of the functions',
      undefined,
    ],
    ['exports no function', 'export const entry = true;', 'entry is no function', undefined],
  ])('is refused where it %s', async (_case, code, message, loadMs) => {
    const path = moduleOf(code);
    const loading = loadTransform(path, false, loadMs);
    await expect(loading).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringContaining(`transform: ${path} can not be used: ${message}`),
    });
  });

  it('is refused where there is none', async () => {
    await expect(loadTransform('/nowhere.mjs', false)).rejects.toThrow('there is no such file');
  });

  it('may leave a timer behind', async () => {
    const path = moduleOf('setInterval(() => {}, 1e6).unref(); export const rename = () => "b";');
    const transform = await loadTransform(path, false);
    expect(transform.rename(Buffer.from('a'), 0)).toEqual(Buffer.from('b'));
  });
});
