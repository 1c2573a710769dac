/** docs/reference/options.md, written from the option table. */
import { flagUsage } from '../../src/cli/flags.ts';
import { KINDS } from '../../src/config/kinds.ts';
import { camelName, envName, tomlName } from '../../src/config/names.ts';
import {
  COMMAND_NAMES,
  OPTION_NAMES,
  OPTIONS,
  type OptionGroup,
  type OptionName,
  type OptionSpec,
  optionOf,
} from '../../src/config/options.ts';

const INTRODUCTION = `# Options

An option can be given in four places. From weakest to strongest: its default, \`naru.toml\`, the environment, a flag.

- **Flag**: \`--spool-memory 64MiB\` or \`--spool-memory=64MiB\`. A yes/no option is turned on by \`--publish\` and off by \`--no-publish\`.
- **Environment**: \`NARU_SPOOL_MEMORY=64MiB\`. A variable that is empty counts as unset. A \`NARU_\` variable that Naru does not know is
  ignored with a warning.
- **naru.toml**: \`spool_memory = "64MiB"\`. \`./naru.toml\` is read where it exists; \`--config\` names another file. Keys in the table \`[sync]\`
  override those at the top level for that command. A key that Naru does not know is an error.
- **Library**: \`sync({ from, to, spoolMemory: '64MiB' })\`. Sizes may be numbers of bytes, durations numbers of milliseconds.

Paths are relative to the directory that Naru was started in.

    # naru.toml
    dir = "/var/lib/naru"

    [sync]
    from = "redis://10.0.0.1:6379"
    to = "rediss://10.0.1.1:6380"
    from_password_file = "/run/secrets/source"
    on_conflict = "overwrite"

**Passwords.** Best in a file (\`--from-password-file\`) or in \`NARU_FROM_PASSWORD\`; both override a password in the URL. There is no flag and no
key for the password itself. Naru hides its arguments from the process list, but they stay in the shell's history, and are visible for the
moment that it takes to start. If one layer gives a password and a stronger one a password file, or the other way round, the stronger one holds.

**TLS** is spoken where the address begins with \`rediss://\`, and certificates are verified. Without a CA of your own, those that Node.js knows
are trusted. A TLS option for a side that does not speak TLS is an error.
`;

export function optionsPage(): string {
  const groups = [...new Set(OPTION_NAMES.map((name) => OPTIONS[name].group))];
  return `${[INTRODUCTION, ...groups.map(groupSection)].join('\n')}`;
}

function groupSection(group: OptionGroup): string {
  const names = OPTION_NAMES.filter((name) => OPTIONS[name].group === group);
  return [`## ${group}\n`, ...names.map(optionSection)].join('\n');
}

function optionSection(name: OptionName): string {
  const spec = OPTIONS[name];
  return [
    `### ${name}\n`,
    `${spec.doc[0]?.toUpperCase()}${spec.doc.slice(1)}.\n`,
    `- Commands: ${COMMAND_NAMES.filter((command) => optionOf(command, name)).join(', ')}`,
    ...Object.entries(spec.differs ?? {}).map(([command, other]) => `- With ${command}: ${other.doc}`),
    `- Value: ${KINDS[spec.kind].allowed(spec)}`,
    `- Default: ${defaultOf(name, spec)}`,
    `- ${places(name, spec)}\n`,
  ].join('\n');
}

function defaultOf(name: OptionName, spec: OptionSpec): string {
  if (spec.default !== undefined) return `\`${spec.default}\``;
  if (name === 'from' || name === 'to') return 'none, it must be given';
  return name === 'from-tls-insecure' || name === 'to-tls-insecure' ? 'as tls-insecure' : 'unset';
}

function places(name: OptionName, spec: OptionSpec): string {
  return [
    ...(spec.flag === false ? [] : [`Flag \`${flagUsage(name, spec)}\``]),
    `variable \`${envName(name)}\``,
    ...(spec.toml === false ? [] : [`key \`${tomlName(name)}\``]),
    ...(spec.library === false ? [] : [`library \`${camelName(name)}\``]),
  ]
    .join(', ')
    .replace(/^v/, 'V');
}
