/** Style that a linter does not see. */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const root: string = fileURLToPath(new URL('..', import.meta.url));

/** Tracked files and new ones that are not ignored. */
const files: string[] = execFileSync(
  'git',
  ['ls-files', '-z', '--cached', '--others', '--exclude-standard'],
  {
    cwd: root,
    encoding: 'utf8',
  },
)
  .split('\0')
  .filter((file) => file !== '' && existsSync(join(root, file)));

const read = (file: string): string => readFileSync(join(root, file), 'utf8');
const isTest = (file: string): boolean => file.endsWith('.test.ts');
const sources: string[] = files.filter((file) => file.startsWith('src/') && file.endsWith('.ts'));
const shipped: string[] = sources.filter((file) => !isTest(file));

const flow: readonly string[] = ['errors', 'protocol', 'net', 'observability', 'spool', 'checkpoint'];

/** What each folder of src may import of the others. */
const LAYERS: Record<string, readonly string[]> = {
  errors: [],
  protocol: [],
  net: ['errors', 'protocol'],
  rules: ['errors', 'protocol', 'net'],
  config: ['errors', 'protocol', 'net', 'rules'],
  observability: ['errors'],
  spool: flow.slice(0, 4),
  checkpoint: flow.slice(0, 4),
  source: flow,
  target: flow,
  pipeline: [...flow, 'source', 'target', 'rules'],
  engine: [...flow, 'source', 'target', 'rules', 'pipeline', 'config'],
  cli: [...flow, 'source', 'target', 'rules', 'pipeline', 'config', 'engine'],
};

const layerOf = (file: string): string | undefined => /^src\/([^/]+)\//.exec(file)?.[1];

/** Where the modules stand that a file imports: paths from the root, or names of packages. */
function imports(file: string): string[] {
  const found = read(file).matchAll(
    /^(?:import|export|\}).*?\bfrom '([^']+)'|^import '([^']+)'|\bimport\('([^']+)'\)/gm,
  );
  return [...found]
    .map((match) => (match[1] ?? match[2] ?? match[3]) as string)
    .map((name) => (name.startsWith('.') ? normalize(join(dirname(file), name)) : name));
}

/** `file: what is wrong`, for each match. */
function search(paths: string[], pattern: RegExp): string[] {
  return paths.flatMap((file) => [...read(file).matchAll(pattern)].map((match) => `${file}: ${match[0]}`));
}

describe('src', () => {
  it('imports in one direction', () => {
    const wrong = shipped.flatMap((file) => {
      const layer = layerOf(file);
      if (layer === undefined) return [];
      const allowed = [layer, ...(LAYERS[layer] ?? [])];
      const outside = imports(file).filter(
        (path) => path.startsWith('src/') && !allowed.includes(layerOf(path) ?? ''),
      );
      return outside.map((path) => `${file}: ${path}`);
    });
    expect(wrong).toEqual([]);
    expect(shipped.map(layerOf).filter((layer) => layer !== undefined && !(layer in LAYERS))).toEqual([]);
  });

  it('keeps the protocols free of sockets, clocks and promises', () => {
    const protocol = shipped.filter((file) => layerOf(file) === 'protocol');
    const modules = protocol.flatMap((file) => imports(file).map((path) => `${file}: ${path}`));
    expect(modules.filter((line) => !/: (src\/protocol\/|node:buffer$)/.test(line))).toEqual([]);
    expect(search(protocol, /\b(Date\.now|performance\.|setTimeout|await|Promise|console\.)/g)).toEqual([]);
  });

  it('holds one idea in a file: 400 lines at most', () => {
    const lines = (file: string): number => read(file).split('\n').length - 1;
    expect(sources.filter((file) => lines(file) > 400).map((file) => `${file}: ${lines(file)}`)).toEqual([]);
  });

  it('says source and target', () => {
    expect(search(shipped, /(?<![\w*./])(src|dst|dest)(?=\b|[A-Z])(?!\/)/g)).toEqual([]);
  });
});

describe('the repository', () => {
  const texts = files.filter((file) => /(\.(ts|md|json|sh|yml|toml)|\.ci\/run)$/.test(file));

  it('names no registry', () => {
    expect(search(texts, /\bregistry\.[a-z]+\.[a-z]+|\bpypi\.org|\bdeb\.debian\.org/g)).toEqual([]);
  });

  it('has documents whose links lead somewhere', () => {
    const broken = files
      .filter((file) => file.endsWith('.md'))
      .flatMap((file) =>
        [...read(file).matchAll(/\]\((?!https?:|#|mailto:)([^)#\s]+)/g)]
          .filter((match) => !existsSync(join(root, dirname(file), match[1] as string)))
          .map((match) => `${file}: ${match[1]}`),
      );
    expect(broken).toEqual([]);
  });
});
