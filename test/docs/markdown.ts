/** The little of Markdown that the tests of the reference pages read. */

/** The text below each heading of a level, by the heading's text. */
export function sections(markdown: string, level: number): Map<string, string> {
  const parts = markdown.split(new RegExp(`^${'#'.repeat(level)} (.+)\\n`, 'm'));
  const found = new Map<string, string>();
  for (let i = 1; i < parts.length; i += 2) found.set(parts[i] as string, (parts[i + 1] as string).trim());
  return found;
}

/** The rows of the first table, without its head, each as its cells. */
export function tableRows(markdown: string): string[][] {
  const lines = markdown.split('\n').filter((line) => line.startsWith('|'));
  return lines.slice(2).map((line) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim().replace(/^`(.*)`$/, '$1')),
  );
}
