import type { ChildProcess } from 'node:child_process';
import type { Generation } from '../core/config.ts';
import type { DaemonEventBody } from '../core/events.ts';
import type { Clock } from '../core/ports.ts';
import type { Result } from '../core/result.ts';
import type { Generations } from './generations.ts';
import type { StatePaths } from './paths.ts';
import type { ReloadPatience } from './reload-patience.ts';
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
  /** Called when a master was spawned: from then on HAProxy is busy by itself. */
  readonly spawned: () => void;
  /** How long reloads may take here. */
  readonly patience: ReloadPatience;
  /** Aborted when the adapter ends. */
  readonly ended: AbortSignal;
}

/** A master that was spawned. */
export interface Spawned {
  readonly child: ChildProcess;
  /** Where its words begin in the file of HAProxy's output. */
  readonly outputFrom: number;
  /** Why it has ended, once it has. */
  readonly end: { readonly reason: string | undefined };
}

/**
 * The very first start of HAProxy, begun while its configuration is still being checked: nothing is served yet that a refusal
 * could harm, and HAProxy refuses by itself what `haproxy -c` refuses, before it binds anything. At 10,000 backends that is
 * half a second of a second core.
 */
export interface HeadStart {
  /** Spawns HAProxy with this generation, where there never was one; at most once, whatever becomes of it. */
  begin(context: HaproxyContext, generation: Generation): Promise<void>;
  /** True while HAProxy was spawned with this generation and nobody has taken it. */
  has(generation: Generation): boolean;
  /** Hands over what was spawned: whoever takes it waits for it and looks after it. */
  take(generation: Generation | undefined): Spawned | undefined;
  /** Ends what was spawned and not taken. Nothing of it is left, and `current` leads nowhere again. */
  cancel(context: HaproxyContext): Promise<void>;
}
