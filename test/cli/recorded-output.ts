/** An output that remembers what was written to it. */
import type { Output } from '../../src/cli/printer.ts';

export class RecordedOutput implements Output {
  text = '';
  isTTY = false;
  columns = 0;
  writableNeedDrain = false;

  write(text: string | Uint8Array, written?: () => void): boolean {
    this.text += typeof text === 'string' ? text : Buffer.from(text).toString();
    written?.();
    return true;
  }
}

export function terminal(columns: number): RecordedOutput {
  return Object.assign(new RecordedOutput(), { isTTY: true, columns });
}
