import type { MarathonEvent } from './event-bus.ts';
import type { FaultKind, FaultParameters } from './faults.ts';
import type { Json } from './json.ts';
import type { MarathonOptions } from './options.ts';
import type { RealTask } from './tasks.ts';
import type { Written } from './writes.ts';

/** One task, with the process behind it. */
export interface StandInTask {
  readonly id: string;
  readonly app: string;
  readonly version: string;
  readonly state: string;
  /** Where it really listens. */
  readonly listens: readonly { readonly address: string; readonly port: number; readonly portIndex: number }[];
  /** As the API shows it. */
  readonly json: Json;
  readonly real?: RealTask;
}

/** A stand-in Marathon with its cluster. Ids may be given with or without the leading slash. */
export interface StandInMarathon {
  /** Base URLs of the masters. */
  readonly urls: readonly string[];
  /** URL of the fault switches for curl. */
  readonly controlUrl: string;
  readonly options: MarathonOptions;
  /** Posts an app; `cmd` is filled in where the app has nothing to run. Resolves when its deployment has begun. */
  post(app: Json): Promise<Written>;
  put(id: string, update: Json, force?: boolean): Promise<Written>;
  scale(id: string, instances: number, force?: boolean): Promise<Written>;
  restart(id: string): Promise<Written>;
  delete(id: string): Promise<Written>;
  /** Resolves when no deployment touches the app (any app, without id). */
  settled(id?: string): Promise<void>;
  tasks(id?: string): readonly StandInTask[];
  /** Every task process that is alive, also those of deleted apps in their grace. */
  alive(): readonly RealTask[];
  /** Resolves when the condition on the app's tasks holds, looked at after each change. */
  until(id: string, holds: (tasks: readonly StandInTask[]) => boolean): Promise<void>;
  /** The last events of the bus, oldest first. */
  events(): readonly MarathonEvent[];
  /** A task's process, or all of an app's, dies with exit code 1. */
  crashTask(id: string): void;
  /** Health by hand: of a task or of all tasks of an app. The real task's own answer follows. */
  setHealth(id: string, healthy: boolean | undefined): void;
  loseAgent(host: string, how?: 'dead' | 'partitioned'): void;
  returnAgent(host: string): void;
  /** Switches a fault on. Masters are counted from 0; `all` is every one. Resolves when it is in force. */
  fault(master: number | 'all', kind: FaultKind, parameters?: FaultParameters): Promise<void>;
  clearFaults(master?: number | 'all', kind?: FaultKind): Promise<void>;
  /** Index of the leading master. */
  leader(): number;
  /** Elects another leader (the same one again if it is alone); resolves when it answers. Health results are gone. */
  leaderChange(): Promise<void>;
  /** Open event streams of a master, or of all. */
  streams(master?: number): number;
  stop(): Promise<void>;
}
