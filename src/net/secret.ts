/** A text that must not be shown: whatever prints it shows `[secret]`. Only `reveal` gives it out. */
import { inspect } from 'node:util';

const SHOWN = '[secret]';

export class Secret {
  readonly #value: string;

  private constructor(value: string) {
    this.#value = value;
  }

  static of(text: string): Secret {
    return new Secret(text);
  }

  reveal(): string {
    return this.#value;
  }

  toString(): string {
    return SHOWN;
  }

  toJSON(): string {
    return SHOWN;
  }
}

Object.defineProperty(Secret.prototype, inspect.custom, { value: (): string => SHOWN });
