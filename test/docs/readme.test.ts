/** Holds the prose to the code: what a document names must be there, and both README files must say the same. */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { OPTIONS } from '../../src/config/options.ts';
import { ERROR_TABLE } from '../../src/errors/table.ts';

const root: string = fileURLToPath(new URL('../..', import.meta.url));
const read = (file: string): string => readFileSync(join(root, file), 'utf8');
const list = (...patterns: string[]): string[] =>
  execFileSync('git', ['ls-files', '-z', '-co', '--exclude-standard', '--', ...patterns], {
    cwd: root,
    encoding: 'utf8',
  })
    .split('\0')
    .filter((file) => file !== '' && existsSync(join(root, file)));

const documents: string[] = list('*.md');

const linksOf = (text: string): string[] =>
  [...text.matchAll(/\]\(([^)\s]+)\)/g)].map((match) => match[1] as string);
const codeOf = (text: string): string[] => [...text.matchAll(/^ *```.*?^ *```$/gms)].map((match) => match[0]);
const withoutCode = (text: string): string =>
  codeOf(text).reduce((rest, code) => rest.replace(code, ''), text);
const headingsOf = (text: string): string[] =>
  [...withoutCode(text).matchAll(/^(#+) (.+)$/gm)].map((match) => match[0]);

/** The fragment under which a heading can be linked. */
const fragmentOf = (heading: string): string =>
  heading
    .replace(/^#+ /, '')
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, '')
    .replaceAll(' ', '-');

/** What is wrong, as `file: what`, over all documents. */
const faults = (find: (text: string, file: string) => string[]): string[] =>
  documents.flatMap((file) => find(read(file), file).map((what) => `${file}: ${what}`));

describe('README.ko.md', () => {
  const english = read('README.md');
  const korean = read('README.ko.md');

  it('has the structure of README.md', () => {
    const levels = (text: string): string[] => headingsOf(text).map((heading) => heading.replace(/ .*/, ''));
    const shape = (text: string): number[] =>
      withoutCode(text)
        .split(/^##? .+$/m)
        .map((section) => section.split(/^(?:[-|] ?|$\n)/m).filter((part) => part.trim() !== '').length);
    expect(levels(korean)).toEqual(levels(english));
    expect(shape(korean)).toEqual(shape(english));
  });

  it('has its code blocks, byte for byte', () => {
    expect(codeOf(english).length).toBeGreaterThan(5);
    expect(codeOf(korean)).toEqual(codeOf(english));
  });

  it('has its links, apart from the one to the other language', () => {
    const links = (text: string): string[] => linksOf(text).filter((link) => !link.startsWith('README'));
    expect(links(korean)).toEqual(links(english));
  });
});

describe('the documents', () => {
  it('link to what is there, and to headings that are there', () => {
    const broken = faults((text, file) =>
      linksOf(withoutCode(text))
        .filter((link) => !/^(https?|mailto):/.test(link))
        .filter((link) => {
          const [path = '', fragment] = link.split('#');
          const to = path === '' ? file : join(dirname(file), path);
          if (!existsSync(join(root, to))) return true;
          return fragment !== undefined && !headingsOf(read(to)).map(fragmentOf).includes(fragment);
        }),
    );
    expect(broken).toEqual([]);
  });

  it('name options that exist', () => {
    const others = ['help', 'version', 'pipe', 'scale', 'cluster', 'sample', 'scenario'];
    const unknown = faults((text) =>
      [...text.matchAll(/(?<![\w-])--([a-z][a-z-]*[a-z])(?![\w.-])/g)]
        .map((match) => match[1] as string)
        .filter((name) => !others.includes(name) && !(name.replace(/^no-/, '') in OPTIONS)),
    );
    expect(unknown).toEqual([]);
  });

  it('name error codes and warnings that exist', () => {
    const known = new Set([...Object.keys(ERROR_TABLE), ...warnings]);
    const unknown = faults((text) =>
      [...text.matchAll(/\b(?:error|warning|code|with|by)?:? ?`?([A-Z]{2,}(?:_[A-Z]+)+)\b/g)]
        .map((match) => match[1] as string)
        .filter((code) => !known.has(code) && !notCodes.test(code)),
    );
    expect(unknown).toEqual([]);
  });

  it('tell of each warning', () => {
    expect(warnings.length).toBeGreaterThan(2);
    const page = read('docs/reference/events.md');
    expect(warnings.filter((code) => !page.includes(`\`${code}\``))).toEqual([]);
  });
});

/** Names in the same form that are no codes: variables, constants of the source. */
const notCodes = /^(NARU|REDIS|VALKEY)_|^NO_COLOR$/;

/** The codes that the engine warns with, also what it has from the topology. */
const warnings: string[] = [...list('src/engine/*.ts'), ...list('src/net/topology/*.ts')]
  .filter((file) => !file.endsWith('.test.ts'))
  .flatMap((file) => [...read(file).matchAll(/[#. ]warn\(\s*'([A-Z_]+)'|code: '([A-Z_]+)',\s*message\b/g)])
  .map((match) => (match[1] ?? match[2]) as string);
