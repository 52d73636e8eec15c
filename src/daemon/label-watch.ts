import type { App, AppId, Snapshot } from '../core/app.ts';
import { difference } from '../core/difference.ts';
import { byText } from '../core/order.ts';
import { appNamed } from '../core/stand-in.ts';

/** Whose labels have to be read: a pass that changes one app reads those of one. */
export interface LabelWatch {
  /** The apps of a snapshot that have not been given since they are what they are, and `again`. */
  unseen(snapshot: Snapshot, again: Iterable<AppId>): ReadonlySet<App>;
}

/** Nothing was seen yet. */
export function createLabelWatch(): LabelWatch {
  let seen: readonly App[] = [];
  return {
    unseen(snapshot, again) {
      const { came } = difference(seen, snapshot.apps, (a, b) => byText(a.id, b.id));
      seen = snapshot.apps;
      return new Set([...came, ...[...again].flatMap((id) => appNamed(snapshot, id) ?? [])]);
    },
  };
}
