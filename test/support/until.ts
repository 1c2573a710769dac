import { setTimeout as sleep } from 'node:timers/promises';

/** For what nobody announces (a server's state): asks until it holds, and throws when that takes longer than `msMax`. */
export async function until(what: string, holds: () => Promise<boolean>, msMax = 90_000): Promise<void> {
  const deadline = performance.now() + msMax;
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error(`${what}: not within ${msMax} ms`);
    await sleep(5);
  }
}
