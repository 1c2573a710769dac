import { NaruError } from '../../../errors/errors.ts';
import { printable } from '../../../errors/printable.ts';

/** What a source answers in a state that passes; undefined: it is about the question. `text` is the server's own, without the `-`. */
export function refusedQuestion(text: string, node: string): NaruError | undefined {
  const place = { side: 'source', node } as const;
  const word = text.split(' ', 1)[0] ?? '';
  if (word === 'LOADING') return new NaruError('SOURCE_LOADING', `The source answers: ${text}`, place);
  if (word === 'MASTERDOWN') return new NaruError('SOURCE_NO_MASTER', `The source answers: ${text}`, place);
  if (word === 'CLUSTERDOWN') return new NaruError('CLUSTER_DOWN', `The source answers: ${text}`, place);
  if (word === 'BUSY' || word === 'TRYAGAIN')
    return new NaruError('LINK_LOST', `The source answers: ${text}`, place);
  return undefined;
}

/** The key is another node's now. */
export function isElsewhere(text: string): boolean {
  return text.startsWith('MOVED ') || text.startsWith('ASK ');
}

/** What it means that a source refused a command. */
export function refusedKey(text: string, node: string, command: string, key?: Buffer): NaruError {
  const code = text.startsWith('NOPERM') ? 'NO_PERMISSION' : 'SOURCE_REFUSED';
  const place = { side: 'source', node, command, ...(key && { key: printable(key) }) } as const;
  return new NaruError(code, `The source refused ${command}: ${text}`, place);
}
