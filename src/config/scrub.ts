/**
 * Text that a user typed, made fit for a message: what stands before an `@` may be a password (`redis://user:password@host`, or the
 * same without a scheme), and is not repeated.
 */
export function scrub(text: string): string {
  return text.replace(/:\/\/.*@/gs, '://***@').replace(/[^\s'"/]+@/g, '***@');
}
