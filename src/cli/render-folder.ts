import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import type { CertificateSet } from '../core/certificates.ts';
import type { Problem } from '../core/problem.ts';
import { addSelfSigned } from '../source/certificates.ts';

/** The set, with a self-signed certificate where there is none, which lies in the folder and is named relative to it. */
export function withSelfSigned(set: CertificateSet, folder: string, now: number): Promise<CertificateSet> {
  return addSelfSigned(set, folder, now, (path) => relative(folder, path));
}

/** Writes the configuration's files and `problems.json` below the folder. Throws what the disk refuses. */
export function writeRendered(folder: string, files: ReadonlyMap<string, string>, problems: readonly Problem[]): void {
  for (const [name, text] of [...files, ['problems.json', `${JSON.stringify(problems, null, 2)}\n`] as const]) {
    const path = join(folder, name);
    mkdirSync(dirname(path), { recursive: true });
    // The configuration holds password hashes.
    writeFileSync(path, text, { mode: 0o640 });
  }
}
