/** `naru config convert`: a configuration of RedisShake as naru.toml, on stdout. */
import { shakeIn } from '../../config/config-file.ts';
import { toToml } from '../../config/shake/to-toml.ts';
import { readText } from '../../config/toml-file.ts';
import { errorEvent, toNaruError } from '../../engine/error-event.ts';
import { NaruError } from '../../errors/errors.ts';
import type { Context } from '../context.ts';
import { flushed } from '../printer.ts';
import { eventText } from '../progress.ts';

/** Resolves, once all output is written, to the exit code. */
export async function runConvert(path: string, { out, err }: Context): Promise<number> {
  try {
    const mapping = shakeIn(readText(path), path);
    if (mapping === undefined) {
      const text = `${path} is no configuration of RedisShake: shake.toml, or redis-shake.conf`;
      throw new NaruError('CONFIG_INVALID', text, { side: 'config' });
    }
    out.write(toToml(mapping, path));
    for (const line of mapping.unsupported) err.write(`warning: not supported: ${line}\n`);
    for (const name of mapping.secrets.keys()) {
      err.write(`warning: ${name} is not written: put it into a file, and name that with --${name}-file\n`);
    }
    return 0;
  } catch (error) {
    const failure = toNaruError(error);
    err.write(`${eventText(errorEvent(failure))}\n`);
    return failure.exitCode;
  } finally {
    await flushed(out);
  }
}
