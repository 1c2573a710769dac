/** An error reply to a command. */
export class ServerError extends Error {
  /** Its first word: `ERR`, `NOAUTH`, `WRONGTYPE` ... */
  readonly code: string;
  /** The whole text, with the code. */
  readonly text: string;

  constructor(code: string, text: string) {
    super(text);
    this.name = 'ServerError';
    this.code = code;
    this.text = text;
  }
}
