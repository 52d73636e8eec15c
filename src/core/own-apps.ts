import type { App, AppId } from './app.ts';
import type { Difference } from './difference.ts';
import { readLabels } from './label-reader.ts';
import { keepProblems } from './problem-order.ts';
import type { LabelledApp } from './selection.ts';
import { isOurs } from './selection.ts';
import type { Settings } from './settings.ts';

/** The apps that a node serves, with their labels read. */
export interface OwnApps {
  change(apps: Difference<App>): Difference<LabelledApp>;
  get(id: AppId): LabelledApp | undefined;
  all(): readonly LabelledApp[];
}

/** Reads the labels of an app once, when it comes. */
export function createOwnApps(settings: Settings): OwnApps {
  const own = new Map<AppId, LabelledApp>();
  return {
    change(apps) {
      const gone = apps.gone.flatMap(({ id }) => own.get(id) ?? []);
      const were = new Map(gone.map((labelled) => [labelled.app.id, labelled]));
      for (const { app } of gone) own.delete(app.id);
      const came = apps.came
        .map((app): LabelledApp => {
          const labels = readLabels(app);
          return {
            app,
            labels: { ...labels, problems: keepProblems(were.get(app.id)?.labels.problems, labels.problems) },
          };
        })
        .filter((labelled) => isOurs(labelled, settings));
      for (const labelled of came) own.set(labelled.app.id, labelled);
      return { gone, came };
    },
    get: (id) => own.get(id),
    all: () => [...own.values()],
  };
}
