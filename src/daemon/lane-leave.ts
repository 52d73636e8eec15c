import type { TakeOut } from '../core/fast-lane.ts';
import { type LeavingTask, leavingTasks } from '../core/leaving.ts';
import type { PathMatch } from '../core/path-match.ts';
import type { HaproxyRuntime } from '../core/runtime.ts';
import { unexpected, verify } from '../core/runtime-difference.ts';
import type { Kept, Left } from './lane.ts';
import type { Leavers } from './leavers.ts';

/** What the lane lends. */
interface Parts {
  readonly runtime: Pick<HaproxyRuntime, 'read' | 'run' | 'tier'>;
  readonly leavers: Leavers;
  readonly takeOut: TakeOut;
  readonly pathMatch: PathMatch;
  readonly kept: () => Kept | undefined;
  readonly keep: (kept: Kept) => void;
  readonly doubt: () => void;
  readonly isInterrupted: () => boolean;
}

const NONE: readonly never[] = [];
/** What runs does without all of them. */
const NOTHING_NEW: Left = { servers: 0, last: false, unsure: false };
const UNKNOWN: Left = { servers: 0, last: false, unsure: true };

/** The fast lane: takes servers out of rotation as soon as an event says that their tasks leave, before any fetch. */
export function createLeave({ runtime, leavers, takeOut, pathMatch, kept, keep, doubt, isInterrupted }: Parts) {
  return async (leaving: readonly LeavingTask[]): Promise<Left> => {
    leavers.join(leaving);
    const now = kept();
    if (now?.running === undefined) return UNKNOWN;
    if (now.without === leavers.now()) return NOTHING_NEW;
    // Several events tell of the end of one task: HAProxy is asked for the first of them only.
    const { backends, commands, last } = takeOut(now.running, leavingTasks(leaving));
    const none = { servers: 0, last, unsure: true };
    if (commands.length === 0) {
      keep({ ...now, without: leavers.now() });
      return { servers: 0, last, unsure: false };
    }
    if ((await runtime.tier()) === 'D' || isInterrupted()) return none;
    const target = { ...now.running, backends };
    const touched = { backends: commands.map(({ backend }) => backend), maps: NONE, rows: NONE };
    const before = await runtime.read(now.generation, touched);
    // Who should stay may not be there: the pass, which is due now, sees that too and puts it right first.
    if (before !== undefined && unexpected(before, touched, now.running, pathMatch).length > 0) return none;
    const result = before === undefined ? undefined : await runtime.run(now.generation, commands, touched);
    const after =
      result?.kind === 'done' ? (result.observed ?? (await runtime.read(now.generation, touched))) : undefined;
    if (after === undefined || verify(after, { touched, target }, pathMatch).length > 0) {
      doubt();
      return none;
    }
    if (!isInterrupted()) keep({ ...now, running: target, without: leavers.now() });
    return { servers: commands.length, last, unsure: false };
  };
}
