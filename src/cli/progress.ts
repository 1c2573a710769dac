/** What a run tells, as text for people. Pure: an event in, text out. */
import type {
  DoneEvent,
  ErrorEvent,
  LinkPosition,
  ProgressEvent,
  RulesEvent,
  StartedEvent,
  SyncEvent,
  SyncedEvent,
} from '../engine/events.ts';
import { bytesText, countText, durationText, exactText } from './units.ts';

/** Every event except progress: one or more full lines without a newline at the end. */
export function eventText(event: Exclude<SyncEvent, ProgressEvent>): string {
  switch (event.event) {
    case 'started':
      return startedText(event);
    case 'snapshot_done':
      return `Full copy done in ${durationText(event.ms)}: ${keysText(event.keys)}, ${bytesText(event.bytes)}${skippedText(event.skipped)}. Following changes.`;
    case 'synced':
      return `In sync after ${durationText(event.ms)}: the target holds everything ${syncedText(event)}.`;
    case 'rules':
      return rulesText(event);
    case 'warning':
      return `warning ${event.code}: ${printable(event.message)}`;
    case 'error':
      return errorText(event);
    case 'done':
      return doneText(event);
  }
}

function rulesText({ rules, cut, merged, rejected }: RulesEvent): string {
  const lines = rules.map(({ rule, dropped, renamed, ttl }) => {
    const parts = [
      [dropped, 'dropped'],
      [renamed, 'renamed'],
      [ttl, 'with another expiry'],
    ] as const;
    const told = parts.filter(([count]) => count > 0).map(([count, word]) => `${exactText(count)} ${word}`);
    return `rule ${printable(rule)}: ${told.join(', ')}`;
  });
  if (cut > 0) lines.push(`commands that rules cut: ${exactText(cut)}`);
  if (merged > 0) lines.push(`keys that have the name of another one now: ${exactText(merged)}`);
  if (rejected > 0) lines.push(`left out since the transform failed: ${exactText(rejected)}`);
  return lines.length === 0 ? 'The rules have changed nothing so far.' : lines.join('\n');
}

/**
 * One line on how far the run is, at most `width` columns. Where it does not fit, the least important parts are left out first, and
 * what the run waits for is cut last.
 */
export function progressLine(event: ProgressEvent, width: number = Number.POSITIVE_INFINITY): string {
  let parts = progressParts(event);
  for (let rank = LEAST_IMPORTANT; rank > 1 && join(parts).length > width; rank--) {
    parts = parts.filter((part) => part.rank < rank);
  }
  return cut(join(parts), width);
}

interface Part {
  text: string;
  /** From 0, what must be seen, to LEAST_IMPORTANT, what goes first. */
  rank: number;
}

const LEAST_IMPORTANT = 8;

function progressParts(event: ProgressEvent): Part[] {
  const parts: Part[] = [{ text: event.phase, rank: 0 }];
  const add = (rank: number, text: string): void => void parts.push({ text, rank });
  if (event.waiting !== undefined) add(1, `waiting: ${printable(event.waiting)}`);
  if (event.phase === 'snapshot' || event.vanished !== undefined) {
    if (event.percent !== undefined) add(2, `${Math.floor(event.percent)}%`);
    add(7, `${countText(event.keys)} keys`);
    add(4, `${countText(event.keysPerSecond)} keys/s`);
  } else if (event.phase !== 'connecting') {
    add(7, `${countText(event.commands)} commands`);
    add(4, `${countText(event.commandsPerSecond)} commands/s`);
  }
  add(6, `${bytesText(event.bytesPerSecond)}/s`);
  add(3, `lag ${durationText(event.lagMs)} ${bytesText(event.lagBytes)}`);
  if (event.etaMs !== undefined) add(5, `ETA ${durationText(event.etaMs)}`);
  if (event.spoolDiskBytes > 0) add(LEAST_IMPORTANT, `on disk ${bytesText(event.spoolDiskBytes)}`);
  return parts;
}

function join(parts: readonly Part[]): string {
  return parts.map((part) => part.text).join('  ');
}

function cut(text: string, width: number): string {
  return text.length <= width ? text : `${text.slice(0, Math.max(0, width - 3))}...`.slice(0, width);
}

function startedText(event: StartedEvent): string {
  const source = `${printable(event.source)} (${printable(event.sourceVersion)})`;
  const target = `${printable(event.target)} (${printable(event.targetVersion)})`;
  if (event.expectedKeys !== undefined) return scanningText(event, source, target);
  if (event.replid === '') return `Restoring ${source} to ${target}.`;
  if (event.links !== undefined) return `Copying ${source} to ${target}.`;
  return `Copying ${source} to ${target}, from position ${event.replid}:${event.offset}.`;
}

function scanningText({ expectedKeys = -1, resumed }: StartedEvent, source: string, target: string): string {
  const keys = expectedKeys < 0 ? '' : `, ${keysText(expectedKeys)}`;
  return `${resumed ? 'Going on to scan' : 'Scanning'} ${source}${keys}, to ${target}.`;
}

function doneText(event: DoneEvent): string {
  const lines = [
    `Done after ${durationText(event.ms)}: ${keysText(event.keys)}${commandsText(event)}, ${bytesText(event.bytes)}${skippedText(event.skipped)}${vanishedText(event.vanished)}${lostText(event.lost)}${recopiedText(event.recopied)}${splitText(event.split)}.`,
    `The target holds everything up to ${placesText(event.links) ?? `position ${event.replid}:${event.offset}`}; lag ${durationText(event.lagMs)}, ${bytesText(event.lagBytes)}.`,
  ];
  // A file has no position that one could go on from.
  return lines.slice(0, event.replid === '' ? 1 : 2).join('\n');
}

/** A scan has no positions. */
function syncedText({ links, offset }: SyncedEvent): string {
  if (links === undefined && offset === 0) return 'that had been written by then';
  return `up to ${placesText(links) ?? `offset ${offset}`}`;
}

/** Keys are all that a scan knows. */
function commandsText({ commands, vanished }: DoneEvent): string {
  return vanished === undefined ? `, ${exactText(commands)} command${commands === 1 ? '' : 's'}` : '';
}

function keysText(keys: number): string {
  return `${exactText(keys)} ${keys === 1 ? 'key' : 'keys'}`;
}

/** `offset 712 of 10.0.0.1:6379, ...`; undefined: there is only one link. */
function placesText(links: readonly LinkPosition[] | undefined): string | undefined {
  return links?.map(({ node, offset }) => `offset ${offset} of ${node}`).join(', ');
}

/** Code and what happened; where; what to do. */
function errorText(event: ErrorEvent): string {
  const lines = [`error ${event.code}: ${printable(event.message)}`];
  const where = placeText(event);
  if (where !== '') lines.push(`  where: ${where}`);
  lines.push(`  what to do: ${printable(event.advice)}`);
  if (event.retry) lines.push('  Naru tries again.');
  return lines.join('\n');
}

function placeText(event: ErrorEvent): string {
  // The message of a config error names the option itself.
  const side = event.side === 'config' ? undefined : event.side;
  const node = [side, event.node].filter((word) => word !== undefined).join(' ');
  const rest = (['offset', 'db', 'key', 'command'] as const)
    .filter((field) => event[field] !== undefined)
    .map((field) => `${field} ${event[field]}`);
  return printable([node, ...rest].filter((word) => word !== '').join(', '));
}

function skippedText(skipped: number): string {
  return skipped === 0 ? '' : `; left as they are since they existed: ${keysText(skipped)}`;
}

function vanishedText(vanished = 0): string {
  return vanished === 0 ? '' : `; vanished before they were read: ${keysText(vanished)}`;
}

function lostText(lost: number): string {
  return lost === 0 ? '' : `; ${exactText(lost)} things that the target can not hold were left out`;
}

function splitText(split: number): string {
  return split === 0 ? '' : `; ${exactText(split)} commands went key by key`;
}

function recopiedText(recopied: number): string {
  return recopied === 0 ? '' : `; read again from the source: ${keysText(recopied)}`;
}

/** A server's answer or a key's name must not steer the terminal. */
function printable(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it is for
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g, '?');
}
