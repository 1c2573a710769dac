import { delay } from '../../../net/backoff.ts';
import { isPassing } from './refusal.ts';

const BUSY_MS = 50;

/** Asks again while the server runs a script or loads. */
export async function untilItAnswers<T>(question: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await question();
    } catch (error) {
      if (!isPassing(error)) throw error;
      await delay(BUSY_MS);
    }
  }
}
