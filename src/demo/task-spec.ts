/** How a task ends when it is told to: serve until the grace is over, finish what is in flight, or drop dead. */
export type TaskExit = 'grace' | 'drain' | 'instant';

/** Who a task is and how it behaves. */
export interface TaskSpec {
  readonly task: string;
  readonly app: string;
  readonly version: string;
  /** Agent's name, shown in answers. */
  readonly host: string;
  readonly listens: readonly TaskPort[];
  /** Paths that answer 503 while the task is not healthy. */
  readonly healthPaths: readonly string[];
  /** Milliseconds from its start until it is healthy. */
  readonly healthyAfterMs: number;
  /** Milliseconds from its start until it answers anything else than 503 beside its health paths. */
  readonly readyAfterMs: number;
  readonly exit: TaskExit;
  /** What an HTTP task answers when the request has no preference. */
  readonly answer: 'json' | 'text';
}

/** One port that a task listens on. */
export interface TaskPort {
  readonly address: string;
  readonly port: number;
  readonly kind: 'http' | 'tcp';
  readonly portIndex: number;
}

/** What a listener needs to know of its task while it serves. */
export interface TaskView {
  readonly spec: TaskSpec;
  healthy(): boolean;
  ready(): boolean;
  /** The end is near: answers ask clients to close their connections. */
  closing(): boolean;
}

/** One open port of a task. */
export interface TaskListener {
  open(): Promise<string | undefined>;
  /** No new connections; resolves when the present ones have finished, at most `limitMs` later. */
  finish(limitMs: number): Promise<void>;
  /** Everything is cut at once. */
  cut(): void;
}
