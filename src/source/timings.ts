/** Every time that talking to Marathon depends on, in milliseconds; tests scale them down. */
export interface MarathonTimings {
  /** Until a TCP (and TLS) connection stands. */
  readonly connect: number;
  /** From the request to the head of the answer. */
  readonly headers: number;
  /** Longest gap between two pieces of a body; a whole body may take four times as long. */
  readonly body: number;
  /** Without a sign of life from one master for so long, the next one is asked beside it. */
  readonly hedge: number;
  /** How far `headers` and `body` may be stretched for a slow cluster: a factor. */
  readonly stretch: number;
  /** Until snapshots stop waiting for definitions of older versions. */
  readonly definitions: number;
  /** Until an app whose read failed beside others that worked is hinted at again. */
  readonly again: number;
  /** Between looks at an app whose tasks wait for their readiness check. */
  readonly readinessLeast: number;
  readonly readinessMost: number;
  /** From opening a stream to the head of its answer. */
  readonly streamOpen: number;
  /** Marathon beats every 10 s (marathon-api 3.2); silence of this length is a lost stream. */
  readonly streamIdle: number;
  /** A Marathon that does not say `event_stream_attached` within this time counts as attached. */
  readonly attachGrace: number;
  /** A stream is closed and opened anew after this time, ± 10 %, so that a deaf one cannot stay for ever. */
  readonly streamLife: number;
  /** How long before the read that shows a change its event may come, and how long after it. */
  readonly earlyWord: number;
  readonly lateWord: number;
  /** How long polls come more often after a stream has turned out to be deaf. */
  readonly wary: number;
  /** A stream that lived for so long was a good one: the next failure starts again at the shortest back-off. */
  readonly streamStable: number;
  /** Bounds of the back-off between streams. */
  readonly backoffLeast: number;
  readonly backoffMost: number;
  /** Received bytes are reported at most once in this time. */
  readonly byteReport: number;
  /** Without a stream within this time after the start, the first full read is hinted at anyway. */
  readonly firstRead: number;
}

/** What a daemon in production uses. */
export const MARATHON_TIMINGS: MarathonTimings = {
  connect: 3_000,
  headers: 10_000,
  body: 30_000,
  hedge: 4_000,
  stretch: 4,
  definitions: 5_000,
  again: 2_000,
  readinessLeast: 2_000,
  readinessMost: 15_000,
  streamOpen: 10_000,
  streamIdle: 25_000,
  attachGrace: 2_000,
  streamLife: 3_600_000,
  earlyWord: 5_000,
  lateWord: 2_000,
  wary: 300_000,
  streamStable: 10_000,
  backoffLeast: 200,
  backoffMost: 15_000,
  byteReport: 1_000,
  firstRead: 2_000,
};
