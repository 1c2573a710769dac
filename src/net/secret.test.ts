import { inspect } from 'node:util';
import { expect, it } from 'vitest';
import { Secret } from './secret.ts';

it('shows itself to nobody who does not ask', () => {
  const secret = Secret.of('hunter2');
  const shown = [
    String(secret),
    `${secret}`,
    JSON.stringify({ secret }),
    inspect({ secret }, { showHidden: true, depth: 9 }),
    inspect(secret),
    JSON.stringify(Object.entries(secret)),
  ];
  for (const text of shown) expect(text).not.toContain('hunter2');
  expect(String(secret)).toBe('[secret]');
  expect(inspect({ secret })).toBe('{ secret: [secret] }');
  expect(secret.reveal()).toBe('hunter2');
});
