import type { CertificateUse, HeldCertificate } from './certificate-plan.ts';
import type { CertificateSet } from './certificates.ts';
import { unreachable } from './result.ts';
import type { CertificateCommand, ObservedCertificates } from './runtime.ts';

/**
 * What a worker holds, from what it shows and what it was believed to hold. It shows certificates without what they are chained
 * to: what counts as known is one that it shows as the wanted one, and that it was given with the wanted one's file.
 */
export function heldIn(
  seen: ObservedCertificates,
  believed: readonly HeldCertificate[],
  certificates: CertificateSet,
  use: CertificateUse,
): readonly HeldCertificate[] {
  const digests = new Map(believed.map(({ path, digest }) => [path, digest]));
  const wanted = new Map(certificates.usable.map((certificate) => [certificate.path, certificate]));
  const paths = use.list ? [...new Set(seen.listed ?? digests.keys())] : [...digests.keys()];
  return paths.map((path) => {
    const digest = digests.get(path);
    const asWanted = wanted.get(path)?.carried;
    const isHeld = use.list || use.services.has(path);
    const differs = asWanted !== undefined && seen.fingerprints.get(path) !== asWanted.fingerprint;
    return { path, digest: isHeld && differs ? undefined : digest };
  });
}

/** Paths for which a worker does not show what it is known to hold. Fingerprints count where they were asked for. */
export function strayed(
  seen: ObservedCertificates,
  asked: ReadonlySet<string>,
  held: readonly HeldCertificate[],
  certificates: CertificateSet,
  use: CertificateUse,
): readonly string[] {
  const digests = new Map(held.map(({ path, digest }) => [path, digest]));
  const listed = use.list ? new Set(seen.listed) : digests;
  const lists = [...listed.keys()].filter((path) => !digests.has(path));
  const lacks = [...digests.keys()].filter((path) => !listed.has(path));
  const others = certificates.usable.filter(
    ({ path, digest, carried }) =>
      asked.has(path) &&
      (use.list || use.services.has(path)) &&
      carried !== undefined &&
      digests.get(path) === digest &&
      seen.fingerprints.get(path) !== carried.fingerprint,
  );
  return [...new Set([...lists, ...lacks, ...others.map(({ path }) => path)])];
}

/** Whether a worker shows what a command was to bring about. */
export function shows(
  { listed = [], fingerprints }: ObservedCertificates,
  command: CertificateCommand,
  { usable }: CertificateSet,
): boolean {
  const { certificate: path } = command;
  const entries = listed.filter((entry) => entry === path).length;
  const isWanted = (): boolean =>
    fingerprints.get(path) === usable.find((certificate) => certificate.path === path)?.carried?.fingerprint;
  switch (command.do) {
    case 'add-certificate':
      return entries === 1 && isWanted();
    case 'renew-certificate':
      return isWanted();
    case 'remove-certificate':
      return entries === 0;
    default:
      return unreachable(command);
  }
}
