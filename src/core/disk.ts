/** What Portolan keeps on its disk, each with a writer of its own: configurations, what passes remember, good definitions, the journal. */
export type DiskUse = (typeof DISK_USES)[number];
export const DISK_USES = ['generation', 'memory', 'good-apps', 'journal'] as const;

/** A writer that the disk refuses, since when and why. It tries again by itself. */
export interface DiskFailing {
  readonly since: number;
  readonly detail: string;
}
