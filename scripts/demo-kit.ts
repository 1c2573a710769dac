/** What the scenarios of `npm run demo` share: steps on the screen, a report, and the leaderboard that all of them move. */
import type { Arg } from '../test/support/resp-client.ts';

export const PLAYERS = 1000;
export const LEADERBOARD = 'leaderboard';

const { TERM, NO_COLOR } = process.env;
const colours: boolean = process.stdout.isTTY === true && TERM !== 'dumb' && !NO_COLOR;
const paint = (code: string, text: string): string => (colours ? `\x1b[${code}m${text}\x1b[0m` : text);
export const bold = (text: string): string => paint('1', text);
export const red = (text: string): string => paint('31', text);
export const green = (text: string): string => paint('32', text);

let steps = 0;
export function step(text: string): void {
  console.log(`\n${bold(`${++steps}. ${text}`)}`);
}

export function report(rows: readonly [string, string][]): void {
  const width = Math.max(...rows.map(([name]) => name.length));
  for (const [name, value] of rows) console.log(`   ${name.padEnd(width)}   ${value}`);
}

export const player = (number: number): string => `player:${number}`;

/** The command that makes it. */
export function leaderboard(): Arg[] {
  const players = Array.from({ length: PLAYERS }, (_, i) => [(i * 7919) % 10_007, player(i)]).flat();
  return ['ZADD', LEADERBOARD, ...players];
}
