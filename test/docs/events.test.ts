/** Reads the events' interfaces from their source, which is the one place where they stand, and holds the page to them. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { sections, tableRows } from './markdown.ts';

interface Field {
  name: string;
  type: string;
  optional: boolean;
}

const source = readFileSync(new URL('../../src/engine/events.ts', import.meta.url), 'utf8');
const page = readFileSync(new URL('../../docs/reference/events.md', import.meta.url), 'utf8');
const described = sections(page, 2);
const events = eventsIn(source);

/** Each event's fields by its name, those of the interfaces that it extends first. */
function eventsIn(typescript: string): Map<string, Field[]> {
  const interfaces = new Map<string, Field[]>();
  const found = new Map<string, Field[]>();
  for (const [, name, , parent, body] of typescript.matchAll(
    /interface (\w+)( extends (\w+))? \{\n(.*?)\n\}/gs,
  )) {
    const own = [...(body as string).matchAll(/^ {2}(\w+)(\?)?: (.+);$/gm)].map(([, field, mark, type]) => ({
      name: field as string,
      type: type as string,
      optional: mark === '?',
    }));
    const fields = [...(interfaces.get(parent ?? '') ?? []), ...own];
    interfaces.set(name as string, fields);
    const event = own.find((field) => field.name === 'event');
    if (event !== undefined)
      found.set(
        event.type.replaceAll("'", ''),
        fields.filter((field) => field !== event),
      );
  }
  return found;
}

function exampleOf(text: string): Record<string, unknown> {
  return JSON.parse(/```json\n(.+)\n```/.exec(text)?.[1] ?? '');
}

describe('the reader of the source', () => {
  it('sees every event', () => {
    const union = /type SyncEvent =([^;]+);/.exec(source)?.[1]?.match(/\w+Event/g);
    expect(events.size).toBe(union?.length);
    expect(events.get('synced')?.map((field) => field.name)).toEqual([
      'keys',
      'skipped',
      'lost',
      'commands',
      'recopied',
      'split',
      'bytes',
      'offset',
      'ms',
      'links',
    ]);
  });
});

describe('docs/reference/events.md', () => {
  it('has each event, and no other', () => {
    expect([...described.keys()]).toEqual([...events.keys()]);
  });

  it.each([...events])('has each field of %s, and no other', (name, fields) => {
    const rows = tableRows(described.get(name) ?? '');
    const expected = fields.map((field) => [
      field.name,
      field.optional ? `${kindOf(field)}, optional` : kindOf(field),
    ]);
    expect(rows.map(([field, type]) => [field, type]).sort()).toEqual(expected.sort());
    for (const [, , meaning] of rows) expect(meaning).toMatch(/\S{2}/);
  });

  it.each([...events])('has an example of %s that could be real', (name, fields) => {
    const { event, ...example } = exampleOf(described.get(name) ?? '');
    expect(event).toBe(name);
    const byName = new Map(fields.map((field) => [field.name, field]));
    for (const [key, value] of Object.entries(example)) {
      expect(byName.has(key), key).toBe(true);
      expect(typeof value, key).toBe(kindOf(byName.get(key) as Field));
    }
    const missing = fields.filter((field) => !field.optional && !(field.name in example));
    expect(missing).toEqual([]);
  });
});

/** `Phase` is a string on the wire, lists are objects to `typeof`. */
function kindOf(field: Field): string {
  if (field.type.endsWith('[]')) return 'object';
  return ['string', 'number', 'boolean'].includes(field.type) ? field.type : 'string';
}
