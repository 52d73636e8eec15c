/** Deadlines and intervals in milliseconds. Tests shorten some of them. */
export interface Timings {
  /** Between two looks of the supervision at its processes. */
  readonly watchEvery: number;
  /** Between two looks for processes that were stopped. */
  readonly stoppedEvery: number;
  /** Between two questions of the supervision to the sockets. */
  readonly askEvery: number;
  /** For one answer of a socket to a short question. */
  readonly answer: number;
  /** For the whole state of 30,000 servers. */
  readonly longAnswer: number;
  /** Questions that must fail in a row until a HAProxy that exists counts as hung. */
  readonly missesUntilHung: number;
  /** A HAProxy that exists, answers on no socket and takes no connection for this long is ended and started again. */
  readonly silentUntilKilled: number;
  /** The same within ten minutes after that was done: whatever it was, it did not help for long. */
  readonly silentUntilKilledAgain: number;
  /** For `haproxy -c`. */
  readonly validate: number;
  /** From the start of a master to the first answer of its worker. */
  readonly start: number;
  /** From the reload command to the proof that the new worker serves, at most … */
  readonly reload: number;
  /** … and at least; in between ten times as long as the last check or reload took. */
  readonly leastReload: number;
  /** Between two questions while something is awaited. */
  readonly poll: number;
  /** How long a master that executes itself anew may refuse connections. */
  readonly refused: number;
  /** A reload command without effect for this long was lost. */
  readonly lost: number;
  /** How long `stop('drain')` lets connections finish. */
  readonly drain: number;
  /** How long a process may take to end after SIGTERM. */
  readonly terminate: number;
  /** Longest pause between two attempts to start HAProxy; the first is 250 ms, then twice as long each time. */
  readonly longestPause: number;
  /** In external mode: how long `apply` waits for a HAProxy that is not there yet. */
  readonly appear: number;
}

/** What production uses. */
export const DEFAULT_TIMINGS: Timings = {
  watchEvery: 250,
  stoppedEvery: 250,
  askEvery: 1_000,
  answer: 2_000,
  longAnswer: 10_000,
  missesUntilHung: 3,
  silentUntilKilled: 10_000,
  silentUntilKilledAgain: 60_000,
  validate: 60_000,
  start: 30_000,
  reload: 60_000,
  leastReload: 15_000,
  poll: 20,
  refused: 5_000,
  lost: 400,
  drain: 30_000,
  terminate: 3_000,
  longestPause: 30_000,
  appear: 10_000,
};
