/** Numbers as people read them. Sizes and rates are decimal (1 MB = 1,000,000 bytes). */

/** `312 B`, `4.1 KB`, `85.2 MB`. */
export function bytesText(bytes: number): string {
  return `${scaled(bytes, ['', 'K', 'M', 'G', 'T', 'P'], ' ')}B`;
}

/** `999`, `51.2k`, `1.2M`. */
export function countText(count: number): string {
  return scaled(count, ['', 'k', 'M', 'G', 'T', 'P'], '');
}

/** `1,200,000`: for totals, where every digit counts. */
export function exactText(count: number): string {
  return String(count).replace(/\B(?=(\d{3})+$)/g, ',');
}

/** `12 ms`, `1.5 s`, `2m 05s`, `3h 07m`: two parts at most. */
export function durationText(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 59_950) return `${(ms / 1000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1000);
  if (seconds < 3600) return `${Math.floor(seconds / 60)}m ${twoDigits(seconds % 60)}s`;
  return `${Math.floor(seconds / 3600)}h ${twoDigits(Math.floor((seconds % 3600) / 60))}m`;
}

function scaled(value: number, units: readonly string[], gap: string): string {
  let rest = value;
  let unit = 0;
  // 999.95 would be shown as 1000.0 of the smaller unit.
  while (rest >= 999.95 && unit < units.length - 1) {
    rest /= 1000;
    unit++;
  }
  return (unit === 0 ? String(Math.round(rest)) : rest.toFixed(1)) + gap + units[unit];
}

function twoDigits(n: number): string {
  return String(n).padStart(2, '0');
}
