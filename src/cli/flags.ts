/** The table's options as flags of a command, and the words that `--help` has for them. */
import { type Command, Option } from 'commander';
import { KINDS } from '../config/kinds.ts';
import { envName, flagName } from '../config/names.ts';
import {
  type CommandName,
  OPTION_NAMES,
  OPTIONS,
  type OptionName,
  type OptionSpec,
  optionOf,
} from '../config/options.ts';

/** Defaults are only told here: commander must not fill them in, or a flag could not be told from a default. */
export function addFlags(
  command: Command,
  of: CommandName,
  wanted: (name: OptionName) => boolean = () => true,
): void {
  for (const name of OPTION_NAMES.filter(wanted)) {
    const spec = optionOf(of, name);
    if (spec === undefined || spec.flag === false) continue;
    const isOn = spec.kind === 'boolean' && spec.default === 'true';
    const option = new Option(flagUsage(name, spec), flagDoc(spec)).helpGroup(`${spec.group}:`);
    if (MANY.has(spec.kind)) option.argParser(oneMore);
    command.addOption(isOn ? option.hideHelp() : option);
    if (spec.kind !== 'boolean') continue;
    const off = new Option(`--no-${name}`, `do not ${spec.doc}`).helpGroup(`${spec.group}:`);
    command.addOption(isOn ? off : off.hideHelp());
  }
  const help = new Option('-h, --help', 'show this help');
  command.addHelpOption(help.helpGroup(`${OPTIONS.config.group}:`));
}

const MANY: ReadonlySet<OptionSpec['kind']> = new Set(['addresses', 'list', 'paths']);

/** A flag that may be given several times. */
function oneMore(value: string, before: readonly string[] | undefined): string[] {
  return [...(before ?? []), value];
}

/** `--dir <path>`, `--json`. */
export function flagUsage(name: string, spec: OptionSpec): string {
  const placeholder = KINDS[spec.kind].placeholder(spec);
  return placeholder === '' ? flagName(name) : `${flagName(name)} <${placeholder}>`;
}

export function helpFooter(command: CommandName): string {
  const secrets = OPTION_NAMES.filter((name) => optionOf(command, name)?.kind === 'secret').map(envName);
  return [
    '',
    'Passwords stand in the URL, in a --...-password-file, or in',
    `${secrets.join(', ').replace(/, (?=\w+$)/, ' and ')}.`,
    'Every other option can be set in naru.toml (spool_memory = "64 MiB") or in the environment',
    '(NARU_SPOOL_MEMORY); a flag overrides the environment, and that the file. --no-... turns a yes/no option off.',
    'Exit codes: 0 done, 1 failed, 2 bad usage or config.',
  ].join('\n');
}

function flagDoc(spec: OptionSpec): string {
  const isTold = spec.default !== undefined && spec.kind !== 'boolean';
  return isTold ? `${spec.doc} (default ${spec.default})` : spec.doc;
}
