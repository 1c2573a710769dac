import { describe, expect, it } from 'vitest';
import { RecordedOutput, terminal } from '../../test/cli/recorded-output.ts';
import { done, fatal, progress, warning } from '../../test/cli/scripted-run.ts';
import { JsonLines } from './json-lines.ts';
import { progressLine } from './progress.ts';
import { Screen } from './screen.ts';

const CLEAR = '\r\x1b[K';

/** What a person sees at the end: each line, after what was drawn over it. */
function seen(text: string): string[] {
  return text.split('\n').map((line) => line.slice(line.lastIndexOf(CLEAR) + 1).replace('\x1b[K', ''));
}

describe('Screen on a terminal', () => {
  it('draws the progress anew in one line, one column less than there are', () => {
    const out = terminal(60);
    const screen = new Screen(out, out, {});
    screen.event(progress);
    screen.event({ ...progress, percent: 50 });
    const [first, second] = [progress, { ...progress, percent: 50 }].map((event) => progressLine(event, 59));
    expect(out.text).toBe(CLEAR + first + CLEAR + second);
  });

  it('puts full lines above the live line', () => {
    const out = terminal(200);
    const screen = new Screen(out, out, { NO_COLOR: '1' });
    screen.event(progress);
    screen.event(warning);
    expect(seen(out.text)).toEqual(['warning SLOW: the target is slow', progressLine(progress)]);
  });

  it('leaves no live line behind', async () => {
    const out = terminal(200);
    const screen = new Screen(out, out, {});
    screen.event(progress);
    screen.event(done);
    await screen.end();
    expect(seen(out.text)).toEqual([
      expect.stringMatching(/^Done/),
      expect.stringMatching(/^The target holds/),
      '',
    ]);
  });

  it('colours the first line of an error, and nothing with NO_COLOR', () => {
    const out = terminal(80);
    new Screen(out, out, {}).event(fatal);
    expect(out.text.split('\n')[0]).toBe('\x1b[31merror KEY_EXISTS: the key exists\x1b[0m');
    expect(out.text.split('\n')[1]).not.toContain('\x1b');
    const plain = terminal(80);
    new Screen(plain, plain, { NO_COLOR: '1' }).event(fatal);
    expect(plain.text).not.toContain('\x1b');
  });

  it('treats a terminal that can do nothing as a file', () => {
    const out = terminal(80);
    new Screen(out, out, { TERM: 'dumb' }).event(progress);
    expect(out.text).toBe(`${progressLine(progress)}\n`);
  });
});

describe('Screen elsewhere', () => {
  it('writes events to stdout, errors, warnings and notes to stderr, without colours', () => {
    const [out, err] = [new RecordedOutput(), new RecordedOutput()];
    const screen = new Screen(out, err, {});
    screen.event(warning);
    screen.event(fatal);
    screen.note('a note');
    screen.event(done);
    expect(out.text).toMatch(/^Done/);
    expect(err.text).toMatch(/^warning SLOW.*\nerror KEY_EXISTS.*\na note\n$/s);
    expect(out.text + err.text).not.toContain('\x1b');
  });

  it('writes a line each ten seconds, and at each change of phase and begin or end of a wait', () => {
    const out = new RecordedOutput();
    const screen = new Screen(out, out, {});
    const at = (elapsedMs: number, more: object = {}): void =>
      screen.event({ ...progress, elapsedMs, ...more });
    at(0);
    at(1000);
    at(9999);
    at(10_000);
    at(11_000, { waiting: 'target lost' });
    at(12_000, { waiting: 'target lost, once more' });
    at(13_000);
    at(14_000, { phase: 'stream' });
    at(15_000, { phase: 'stream' });
    expect(out.text.trimEnd().split('\n')).toEqual([
      expect.stringMatching(/^snapshot {2}42%/),
      expect.stringMatching(/^snapshot {2}42%/),
      expect.stringMatching(/^snapshot {2}waiting: target lost {2}/),
      expect.stringMatching(/^snapshot {2}42%/),
      expect.stringMatching(/^stream/),
    ]);
  });
});

describe('JsonLines', () => {
  it('leaves out progress, and only that, while the reader is behind', () => {
    const [out, err] = [new RecordedOutput(), new RecordedOutput()];
    const lines = new JsonLines(out, err);
    lines.event(progress);
    out.writableNeedDrain = true;
    lines.event(progress);
    lines.event(warning);
    expect(out.text).toBe(`${JSON.stringify(progress)}\n${JSON.stringify(warning)}\n`);
    expect(err.text).toBe('');
  });

  it('tells people of the error that ends the run', () => {
    const [out, err] = [new RecordedOutput(), new RecordedOutput()];
    const lines = new JsonLines(out, err);
    lines.event({ ...fatal, retry: true });
    expect(err.text).toBe('');
    lines.event(fatal);
    expect(err.text).toMatch(/^error KEY_EXISTS/);
  });
});
