import { NaruError } from '../../errors/errors.ts';

/** `${NAME}`, and `${NAME:-what stands for one that is not set}` */
const VARIABLE = /\$\{(\w+)(?::?-([^}]*))?\}/g;
const PASSWORD = /^\$\{(\w+)\}$/;

/**
 * The document with variables in the place of their names, as RedisShake 4 reads it. A password is taken as it stands, but where all of it is the name of a
 * variable that is set; code is left alone. Throws NaruError CONFIG_INVALID for a variable that is not set, of which RedisShake makes an empty text.
 */
export function withVariables<T>(value: T, env: NodeJS.ProcessEnv, path: string, key = ''): T {
  const name = key.replace(/.*\./, '');
  if (typeof value === 'string') {
    if (name === 'function') return value;
    return (name === 'password' ? password(value, env) : replaced(value, env, path, key)) as T;
  }
  const within = (one: unknown, at: string): unknown => withVariables(one, env, path, at);
  if (Array.isArray(value)) return value.map((one) => within(one, key)) as T;
  if (value === null || typeof value !== 'object') return value;
  const entries = Object.entries(value).map(([at, one]) => [
    at,
    within(one, key === '' ? at : `${key}.${at}`),
  ]);
  return Object.fromEntries(entries) as T;
}

function password(value: string, env: NodeJS.ProcessEnv): string {
  return env[PASSWORD.exec(value)?.[1] ?? ''] ?? value;
}

function replaced(value: string, env: NodeJS.ProcessEnv, path: string, key: string): string {
  return value.replace(VARIABLE, (text, name: string, otherwise?: string) => {
    const found = env[name] ?? otherwise;
    if (found !== undefined) return found;
    const why = `${key} names ${text}, and the environment has no ${name}`;
    throw new NaruError('CONFIG_INVALID', `${path}: ${why}`, { side: 'config' });
  });
}
