/**
 * `npm run servers`: puts Redis and Valkey servers of other versions into a folder of the user's own (NARU_SERVERS, or
 * `~/.cache/naru/servers`), for `npm run test:matrix`. They come from Debian's packages, from the mirror that this machine's apt is set up
 * with; nothing is installed, and neither root nor apt's own lists are needed. Debian only. With names only those: `-- redis-6.0`.
 */
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { mirrorCandidates } from '../test/support/mirror.ts';
import { RELEASES, type ServerRelease, serversFolder, wrapperOf } from '../test/support/servers.ts';

interface Mirror {
  uri: string;
  /** apt's `signed-by`, where the machine's own sources have one */
  signedBy: string;
}

function run(command: string, args: string[], env: Record<string, string> = {}): string {
  const options = { encoding: 'utf8', env: { ...process.env, LC_ALL: 'C', ...env }, stdio: 'pipe' } as const;
  return execFileSync(command, args, options);
}

/** The mirror of the release that this machine runs, from apt's own reading of its sources. */
function findMirror(): Mirror {
  const codename = /^VERSION_CODENAME=(\S+)/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1];
  const format = '$(REPO_URI) $(RELEASE) $(COMPONENT) $(SIGNED_BY)';
  const lines = run('apt-get', ['indextargets', '--format', format, 'Created-By: Packages']).split('\n');
  for (const line of lines) {
    const [uri, release, component, signedBy] = line.split(' ');
    if (uri === undefined || release !== codename || component !== 'main') continue;
    return { uri, signedBy: signedBy?.startsWith('/') ? signedBy : '' };
  }
  throw new Error(`apt's sources name no mirror of ${codename}`);
}

/**
 * A configuration of apt that knows only the given suites and keeps everything in `dir`. The machine's `Acquire` settings (a proxy, say) hold.
 * A mirror may be older than its suites say they are good for: the signatures are what counts here.
 */
function configure(dir: string, { uri, signedBy }: Mirror, suites: readonly string[]): string {
  for (const sub of ['state/lists/partial', 'cache/archives/partial'])
    mkdirSync(join(dir, sub), { recursive: true });
  writeFileSync(join(dir, 'status'), '');
  const keyring = signedBy || debianKeyring();
  const by = keyring === '' ? '' : `[signed-by=${keyring}] `;
  writeFileSync(join(dir, 'sources.list'), suites.map((suite) => `deb ${by}${uri} ${suite} main\n`).join(''));
  const acquire = run('apt-config', ['dump'])
    .split('\n')
    .filter((line) => /^Acquire::(?!IndexTargets|Languages)/.test(line));
  const own: Record<string, string> = {
    'Dir::State': join(dir, 'state'),
    'Dir::State::status': join(dir, 'status'),
    'Dir::Cache': join(dir, 'cache'),
    'Dir::Etc::sourcelist': join(dir, 'sources.list'),
    'Acquire::Languages': 'none',
    'Acquire::Check-Valid-Until': 'false',
    'APT::Sandbox::User': 'root',
    'APT::Install-Recommends': 'false',
  };
  for (const part of ['sourceparts', 'parts', 'main', 'preferences', 'preferencesparts'])
    own[`Dir::Etc::${part}`] = '/dev/null';
  const path = join(dir, 'apt.conf');
  const lines = Object.entries(own).map(([name, value]) => `${name} "${value}";`);
  writeFileSync(path, `${[...acquire, ...lines].join('\n')}\n`);
  return path;
}

/** Keys of all releases: newer suites are signed with keys that the machine's own release may not be. */
function debianKeyring(): string {
  const path = '/usr/share/keyrings/debian-archive-keyring.gpg';
  return existsSync(path) ? path : '';
}

/** Downloads a release's server with all that it depends on; returns the .deb files. */
function download(release: ServerRelease, mirror: Mirror, dir: string): string[] {
  const env = { APT_CONFIG: configure(dir, mirror, release.suites) };
  run('apt-get', ['-qq', 'update'], env);
  const wanted = `${release.package}/${release.suites.at(-1)}`;
  run('apt-get', ['-qq', '-y', '--download-only', 'install', wanted], env);
  const archives = join(dir, 'cache/archives');
  return readdirSync(archives)
    .filter((file) => file.endsWith('.deb'))
    .map((file) => join(archives, file));
}

/** Unpacks what a server needs to run: itself and libraries. */
function unpack(debs: readonly string[], root: string): void {
  mkdirSync(root, { recursive: true });
  for (const deb of debs) {
    if (/^(lib|lua|zlib|redis|valkey)/.test(basename(deb))) run('dpkg-deb', ['-x', deb, root]);
  }
  rmSync(join(root, 'usr/share'), { recursive: true, force: true });
}

/** `lib/x86_64-linux-gnu` and its like below `root`, relative to it. */
function libraryFolders(root: string): string[] {
  return ['usr/lib', 'lib'].flatMap((lib) =>
    existsSync(join(root, lib))
      ? readdirSync(join(root, lib))
          .filter((name) => name.includes('-linux-'))
          .map((name) => `${lib}/${name}`)
      : [],
  );
}

/** The script that starts the server with the loader and the libraries that it was built for. It may be moved with its folder. */
function writeWrapper(folder: string, name: string): string {
  const folders = libraryFolders(join(folder, 'root'));
  const loader = folders
    .flatMap((lib) => readdirSync(join(folder, 'root', lib)).map((file) => `${lib}/${file}`))
    .find((file) => /\/ld-linux[^/]*\.so\.\d$/.test(file));
  if (loader === undefined) throw new Error('its libraries have no loader');
  const path = folders.map((lib) => `$root/${lib}`).join(':');
  const wrapper = join(folder, 'server');
  const lines = [
    '#!/bin/sh',
    // biome-ignore lint/suspicious/noTemplateCurlyInString: the shell's
    'root="${0%/*}/root"',
    `exec "$root/${loader}" --library-path "${path}" "$root/usr/bin/${name}" "$@"`,
  ];
  writeFileSync(wrapper, `${lines.join('\n')}\n`);
  chmodSync(wrapper, 0o755);
  return wrapper;
}

/** Returns what the server says that it is. Nothing half done is left behind. */
function fetchRelease(release: ServerRelease, mirror: Mirror): string {
  const dir = mkdtempSync(join(tmpdir(), 'naru-servers-'));
  const folder = join(serversFolder(), release.name);
  const partial = `${folder}.partial`;
  try {
    const debs = download(release, mirror, dir);
    rmSync(partial, { recursive: true, force: true });
    unpack(debs, join(partial, 'root'));
    const version = run(writeWrapper(partial, release.package), ['--version']).trim();
    rmSync(folder, { recursive: true, force: true });
    renameSync(partial, folder);
    return version;
  } finally {
    rmSync(dir, { recursive: true, force: true });
    rmSync(partial, { recursive: true, force: true });
  }
}

/** Tries one mirror path after the other; the last one's failure counts. */
function fetchFromAny(release: ServerRelease, mirror: Mirror): string {
  let failure: unknown;
  for (const uri of mirrorCandidates(mirror.uri, new Date())) {
    try {
      return fetchRelease(release, { ...mirror, uri });
    } catch (error) {
      failure = error;
    }
  }
  throw failure;
}

function reason(error: unknown): string {
  const { stderr, message } = error as Error & { stderr?: string };
  const said = (stderr ?? '').split('\n').find((line) => line.startsWith('E:'));
  return said ?? message.split('\n', 1)[0] ?? '';
}

function main(names: readonly string[]): number {
  const wanted = RELEASES.filter(({ name }) => names.length === 0 || names.includes(name));
  let missing = 0;
  for (const release of wanted) {
    if (existsSync(wrapperOf(release))) {
      console.log(`${release.name}: there already`);
      continue;
    }
    try {
      console.log(`${release.name}: ${fetchFromAny(release, findMirror())}`);
    } catch (error) {
      missing++;
      console.error(`${release.name}: can not be had here: ${reason(error)}`);
    }
  }
  console.log(`The servers are in ${serversFolder()}`);
  return missing === 0 ? 0 : 1;
}

process.exitCode = main(process.argv.slice(2));
