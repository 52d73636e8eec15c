/** What a writer (`disk-writer.ts`) is told to write: a configuration in which `NUMBER` becomes the number of the round. */
export interface DiskWriterTask {
  readonly stateDir: string;
  readonly files: readonly (readonly [string, string])[];
  /** The first round's number. */
  readonly from: number;
}

/** Entries of each memory and rows of each map: a file that was cut has fewer. */
export const ROUND_SIZE = 300;
