/** Long work in turns, between which everything else has its own. */
export interface Turns {
  /** A promise to wait for where the present turn has lasted long enough, else nothing. */
  over(): Promise<void> | undefined;
}

/** Makes turns of about `mostMs`, the first from now on. */
export function createTurns(mostMs: number): Turns {
  let since = performance.now();
  return {
    over() {
      if (performance.now() - since < mostMs) return undefined;
      return new Promise((resolve) => {
        setImmediate(() => {
          since = performance.now();
          resolve();
        });
      });
    },
  };
}
