/** An output that remembers what was written to it. */
import type { Output } from '../../src/cli/printer.ts';

export class RecordedOutput implements Output {
  text = '';
  isTTY = false;
  columns = 0;
  writableNeedDrain = false;

  write(text: string, written?: () => void): boolean {
    this.text += text;
    written?.();
    return true;
  }
}

export function terminal(columns: number): RecordedOutput {
  return Object.assign(new RecordedOutput(), { isTTY: true, columns });
}
