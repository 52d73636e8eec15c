import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { CertificateSet } from '../core/certificates.ts';
import type { Problem } from '../core/problem.ts';
import { makeSelfSigned } from '../source/self-signed.ts';

const SELF_SIGNED = 'certificates/self-signed.pem';
const TEN_YEARS_MS = 10 * 365 * 86_400_000;

/** The set with a self-signed certificate in the folder, named relative to it; one that is there already is kept. */
export function withSelfSigned(certificates: CertificateSet, folder: string, now: number): CertificateSet {
  const path = join(folder, SELF_SIGNED);
  if (!existsSync(path)) {
    const made = makeSelfSigned({
      commonName: 'portolan',
      names: ['localhost'],
      notBefore: now - 3_600_000,
      notAfter: now + TEN_YEARS_MS,
    });
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, made.certificate + made.key, { mode: 0o600 });
  }
  const own = { path: SELF_SIGNED, names: ['localhost'], notAfter: new Date(now + TEN_YEARS_MS).toISOString() };
  return { ...certificates, usable: [own] };
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
