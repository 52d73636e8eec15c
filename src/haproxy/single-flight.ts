/** Runs pieces of work one after the other, in the order they were asked for. */
export type SingleFlight = <T>(work: () => Promise<T>) => Promise<T>;

/** A queue of its own; a piece of work that throws does not stop the ones behind it. */
export function createSingleFlight(): SingleFlight {
  let last: Promise<unknown> = Promise.resolve();
  return (work) => {
    const run = last.then(work, work);
    last = run.catch(() => {});
    return run;
  };
}
