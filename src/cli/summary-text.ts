/** What `naru decode` counts, as text for people. */
import { printable } from '../errors/printable.ts';
import type { Summary } from '../target/file/summary.ts';
import { bytesText, exactText } from './units.ts';

type Row = readonly string[];

export function summaryText(summary: Summary): string {
  const { keys, functions } = summary;
  const head = `${exactText(keys.count)} keys, ${bytesText(keys.bytes)} serialized, ${exactText(keys.elements)} elements`;
  const tables = [
    table(['type', 'keys', 'bytes', 'elements'], summary.types.map(tallyRow)),
    table(['prefix', 'keys', 'bytes', 'elements'], prefixRows(summary)),
    table(
      ['expiry', 'keys'],
      summary.expiries.map(({ name, count }) => [name, exactText(count)]),
    ),
    table(
      ['largest keys', 'db', 'type', 'bytes', 'elements'],
      summary.largest.map(({ key, db, type, bytes, elements }) => [
        printable(key),
        String(db),
        type,
        exactText(bytes),
        exactText(elements),
      ]),
    ),
    table(
      ['command', 'times', 'bytes', 'arguments'],
      summary.commands.map((row) => tallyRow({ ...row, name: printable(Buffer.from(row.name, 'latin1')) })),
    ),
  ];
  const libraries = functions === 0 ? '' : `, ${exactText(functions)} function libraries`;
  return `${[head + libraries, ...tables.filter((text) => text !== '')].join('\n\n')}\n`;
}

/** The same for machines: keys and prefixes as people see them. */
export function summaryJson(summary: Summary): string {
  const prefixes = summary.prefixes.map((row) => ({ ...row, name: prefixName(row.name) }));
  const largest = summary.largest.map((row) => ({ ...row, key: printable(row.key) }));
  return `${JSON.stringify({ ...summary, prefixes, largest })}\n`;
}

interface Tallied {
  name: string;
  count: number;
  bytes: number;
  elements: number;
}

const tallyRow = ({ name, count, bytes, elements }: Tallied): Row => [
  name,
  exactText(count),
  exactText(bytes),
  exactText(elements),
];

const prefixName = (name: string): string =>
  name === '' ? '(no colon)' : `${printable(Buffer.from(name, 'latin1'))}:`;

function prefixRows({ prefixes, otherPrefixes }: Summary): Row[] {
  const rows = prefixes.map((row) => tallyRow({ ...row, name: prefixName(row.name) }));
  return otherPrefixes.count === 0 ? rows : [...rows, tallyRow({ name: '(others)', ...otherPrefixes })];
}

/** The first column to the left, numbers to the right. */
function table(head: Row, rows: readonly Row[]): string {
  if (rows.length === 0) return '';
  const all = [head, ...rows];
  const widths = head.map((_, i) => Math.max(...all.map((row) => (row[i] as string).length)));
  const line = (row: Row): string =>
    row
      .map((cell, i) => (i === 0 ? cell.padEnd(widths[i] as number) : cell.padStart(widths[i] as number)))
      .join('  ');
  return all.map((row) => line(row).trimEnd()).join('\n');
}
