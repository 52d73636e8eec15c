import type { DaemonEventBody } from '../core/events.ts';
import type { Clock } from '../core/ports.ts';
import type { Result } from '../core/result.ts';
import type { Generations } from './generations.ts';
import type { HeadStart } from './head-start.ts';
import type { StatePaths } from './paths.ts';
import type { Timings } from './timings.ts';
import type { HaproxyBinary, HaproxyEnvironment, VersionFailure } from './version.ts';

/** What the parts of this folder share. */
export interface HaproxyContext {
  readonly mode: 'managed' | 'external';
  readonly paths: StatePaths;
  readonly generations: Generations;
  readonly headStart: HeadStart;
  readonly clock: Clock;
  readonly timings: Timings;
  readonly environment: HaproxyEnvironment;
  readonly emit: (event: DaemonEventBody) => void;
  /** The binary, checked once; asked again after it was found missing. */
  readonly binary: () => Promise<Result<HaproxyBinary, VersionFailure>>;
  /** Aborted when the adapter ends. */
  readonly ended: AbortSignal;
}
