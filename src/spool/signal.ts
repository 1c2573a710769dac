/** A promise that is made only when somebody waits, and shared by all who do. */
export class Signal {
  private promise: Promise<void> | undefined;
  private resolve: () => void = () => {};
  private reject: (error: Error) => void = () => {};

  get awaited(): boolean {
    return this.promise !== undefined;
  }

  wait(): Promise<void> {
    this.promise ??= new Promise((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
    return this.promise;
  }

  wake(): void {
    if (this.promise === undefined) return;
    this.promise = undefined;
    this.resolve();
  }

  fail(error: Error): void {
    if (this.promise === undefined) return;
    this.promise = undefined;
    this.reject(error);
  }
}
