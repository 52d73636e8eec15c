/** Work that is done one piece after the other, and may be overtaken by somebody who does not wait. */
export interface Turns {
  /** Does it once everything before it is done. */
  inTurn<T>(work: () => Promise<T>): Promise<T>;
  /** What the work under way started from does not count any more. */
  interrupt(): void;
  /** Whether that happened since the work under way began. */
  isInterrupted(): boolean;
}

/** Nobody waits yet. */
export function createTurns(): Turns {
  let last: Promise<unknown> = Promise.resolve();
  let interruptions = 0;
  let before = 0;
  return {
    inTurn(work) {
      const mine = last.then(() => {
        before = interruptions;
        return work();
      });
      last = mine.catch(() => undefined);
      return mine;
    },
    interrupt() {
      interruptions += 1;
    },
    isInterrupted: () => before !== interruptions,
  };
}
