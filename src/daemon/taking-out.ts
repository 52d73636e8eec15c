import type { AppId } from '../core/app.ts';
import type { DaemonEventBody } from '../core/events.ts';
import type { LeavingTask } from '../core/leaving.ts';
import type { Clock } from '../core/ports.ts';
import type { Result } from '../core/result.ts';
import type { Left } from './lane.ts';

/** What taking servers out touches. */
export interface TakingOutParts {
  /** Fails where a bug was met, which was told. */
  readonly leave: (leaving: readonly LeavingTask[]) => Promise<Result<Left, 'bug'>>;
  /** The next pass is to come soon. */
  readonly hurry: () => void;
  /** These apps are to be looked at, whatever may wait. */
  readonly look: (apps: readonly AppId[]) => void;
  readonly emit: (event: DaemonEventBody) => void;
  readonly clock: Pick<Clock, 'now'>;
}

/**
 * The servers of tasks that are about to end get no new requests, before anything is fetched. Where nobody else serves they stay, and the
 * next pass is hurried: Marathon ends a task as soon as its successor is healthy. Where it is not certain what became of them, a look at
 * their apps does not wait.
 */
export function createTakingOut({ leave, hurry, look, emit, clock }: TakingOutParts) {
  return async (leaving: readonly LeavingTask[]): Promise<void> => {
    const startedAt = clock.now();
    const left = await leave(leaving);
    if (!left.ok || left.value.last || left.value.unsure) look([...new Set(leaving.map(({ app }) => app))]);
    if (!left.ok) return;
    const { servers, last } = left.value;
    if (last) hurry();
    const tasks = leaving.map(({ task }) => task);
    if (servers > 0) emit({ type: 'taken-out', tasks, servers, ms: clock.now() - startedAt });
  };
}
