import type { Result } from '../core/result.ts';
import type { Settings } from '../core/settings.ts';

/** How a command ends; scripts may rely on these numbers. */
export const EXIT = {
  ok: 0,
  /** It could not be done, or not any longer. */
  failed: 1,
  /** Flags, environment or configuration file are wrong. */
  usage: 2,
  /** A file that was named cannot be read. */
  unreadable: 3,
  /** HAProxy is missing or too old. */
  haproxy: 4,
} as const;
/** One of the exit codes. */
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** Why a command ended without doing its work: what to say on stderr, and the exit code. */
export interface CliFailure {
  readonly exitCode: ExitCode;
  readonly messages: readonly string[];
}

/** Why the daemon could not start, or ended by itself. */
export type DaemonFailure =
  /** HAProxy is missing or too old; the detail ends with what to type. */
  { readonly kind: 'haproxy'; readonly detail: string } | { readonly kind: 'failed'; readonly detail: string };

/** What `demo` can be told. */
export interface DemoRequest {
  /** The HAProxy to run; absent: the default one. */
  readonly haproxy?: string;
}

/** Everything of the process and of the other folders that the commands touch; `main.ts` passes the real ones. */
export interface CliDeps {
  readonly version: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  /** The configuration file that is read when it exists; absent: the one that help names. */
  readonly defaultConfig?: string;
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
  /** Runs until the daemon was told to stop (ok), or cannot go on. */
  readonly startDaemon: (settings: Settings) => Promise<Result<void, DaemonFailure>>;
  /** Runs the demo until Ctrl-C; gives the exit code. */
  readonly runDemo: (request: DemoRequest) => Promise<number>;
  /** Folder of the templates that come with the package. */
  readonly templates: string;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** The first address of a host name within a short deadline; undefined when there is none. */
  readonly resolveHost: (host: string) => Promise<string | undefined>;
}

/** Hands the exit code of a command back to `runProgram`, as commander's actions return nothing. */
export type EndWith = (code: number) => void;
