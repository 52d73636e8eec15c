import type { AppId } from '../core/app.ts';
import type { RenderedConfig, TemplateFailure } from '../core/config.ts';
import type { DaemonEventBody } from '../core/events.ts';
import type { Candidate, Clock, ValidationFailure } from '../core/ports.ts';
import type { Refusal } from '../core/quarantine.ts';
import type { Result } from '../core/result.ts';
import type { RoutingTable } from '../core/routing.ts';
import type { Holding } from '../core/stand-in.ts';
import type { Stages } from './stages.ts';

/** A table and what it renders to. */
export interface Draft {
  readonly table: RoutingTable;
  readonly config: RenderedConfig;
}

/** What isolation needs of the outside. */
export interface IsolateDeps {
  readonly validate: (config: RenderedConfig) => Promise<Result<Candidate, ValidationFailure>>;
  /** What comes of it when these apps are held besides those that are. */
  readonly without: (held: ReadonlyMap<AppId, Holding>) => Promise<Result<Draft, TemplateFailure>>;
  /** How an app can be held, one step further than `before`, or than it is. Undefined: there is no such app. */
  readonly further: (app: AppId, table: RoutingTable, before: Holding | undefined) => Holding | undefined;
  /** Its definition is one that HAProxy has accepted. */
  readonly isKnown: (app: AppId) => boolean;
  readonly blame: Stages['blame'];
  readonly emit: (event: DaemonEventBody) => void;
  readonly clock: Clock;
  /** True for a configuration that runs already: it needs no validation. */
  readonly runs: (config: RenderedConfig) => boolean;
  /** Ends the search. */
  readonly signal: AbortSignal;
  /** Whatever follows the first refusal goes through this. */
  readonly alone: <T>(work: () => Promise<T>) => Promise<T>;
}

/** What was found about an app. `suspected`: nothing is proven yet; so many of those are to be tried together next. */
export type Culprit = Refusal;

/** Who must be held, by app. */
export type Culprits = ReadonlyMap<AppId, Culprit>;

/** What apps are held at, of what was found about them. */
export const holdingsOf = (held: Culprits): ReadonlyMap<AppId, Holding> =>
  new Map([...held].map(([app, { holding }]) => [app, holding]));
