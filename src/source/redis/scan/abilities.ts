import { type RespClient, ServerError } from '../../../net/client.ts';
import { refusedQuestion } from './refusal.ts';

/** What a source, or a proxy before it, answers. */
export interface Abilities {
  readonly dump: boolean;
  /** what it says where it has none, or does not allow it */
  readonly dumpRefusal: string | undefined;
  /** MEMORY USAGE (Redis 4); without it sizes are guessed by type and length */
  readonly memoryUsage: boolean;
  /** TYPE, STRLEN and so on */
  readonly type: boolean;
  /** PEXPIRETIME (Redis 7): the time itself, where PTTL tells how much is left */
  readonly expireTime: boolean;
  /** TIME; else Naru's own clock has to do */
  readonly time: boolean;
}

/** A key that nobody has: what is asked is only whether the command is there. */
const NOBODYS = 'naru:nobodys';

/** Asks one after the other: some proxies hang up at what they do not know. Rejects with NaruError where the connection is lost. */
export async function askAbilities(client: RespClient): Promise<Abilities> {
  const dumpRefusal = await askDump(client);
  return {
    dump: dumpRefusal === undefined,
    dumpRefusal,
    memoryUsage: await answers(client, 'MEMORY', 'USAGE', NOBODYS, 'SAMPLES', '5'),
    type: await answers(client, 'TYPE', NOBODYS),
    expireTime: await answers(client, 'PEXPIRETIME', NOBODYS),
    time: await answers(client, 'TIME'),
  };
}

/** What is said where there is no DUMP, or it is not allowed. */
export function askDump(client: RespClient): Promise<string | undefined> {
  return refusal(client, 'DUMP', NOBODYS);
}

async function answers(client: RespClient, ...args: string[]): Promise<boolean> {
  return (await refusal(client, ...args)) === undefined;
}

/** What is said where the command is not there, or not allowed. A key in a slot of another node (MOVED) is an answer too. */
async function refusal(client: RespClient, ...args: string[]): Promise<string | undefined> {
  try {
    await client.call(...args);
    return undefined;
  } catch (error) {
    if (!(error instanceof ServerError)) throw error;
    if (error.code === 'MOVED' || error.code === 'ASK' || error.code === 'TRYAGAIN') return undefined;
    const passing = refusedQuestion(error.text, client.connection.node);
    if (passing !== undefined) throw passing;
    return error.text;
  }
}
