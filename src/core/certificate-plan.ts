import type { Certificate, CertificateSet } from './certificates.ts';
import type { Loaded } from './loaded.ts';
import type { CertificateNeed } from './reload-need.ts';
import { unreachable } from './result.ts';
import type { RoutingTable } from './routing.ts';
import type { CertificateCommand } from './runtime.ts';
import { CERTIFICATE_LIST } from './template-views.ts';

/** A certificate that a worker holds. */
export interface HeldCertificate {
  readonly path: string;
  /** `Certificate.digest` of what it holds; undefined: nobody knows. */
  readonly digest: string | undefined;
}

/**
 * How the configuration that a worker loaded uses certificates. A worker knows them, and the list of :443, by the names that its
 * configuration gave them: the list's is relative and the same in every generation, those of certificates are the operator's
 * absolute paths. So the names of now are those that any worker knows, whichever generation it loaded.
 */
export interface CertificateUse {
  /** Something is bound with the list. */
  readonly list: boolean;
  /** Something is bound with certificates that are neither of the list nor of a service port. */
  readonly others: boolean;
  /** Paths that service ports are bound with. */
  readonly services: ReadonlySet<string>;
}

/** What to tell a running HAProxy of certificates. */
export interface CertificatePlan {
  /** In the order of the list, what goes last. Each stands alone: one that is refused says nothing of the others. */
  readonly commands: readonly CertificateCommand[];
  /** What only a reload brings; empty: the worker serves what a reload would serve. */
  readonly needs: readonly CertificateNeed[];
}

const NOTHING: CertificatePlan = { commands: [], needs: [] };

/** Bytes of `set ssl cert` with its payload that fit into `tune.bufsize`, 16 kB by default. */
export const LARGEST_CERTIFICATE_COMMAND = 14_000;

/** What the command line takes as it is: `:` would begin a line number there, `*` names a transaction. */
export const isSayablePath = (path: string): boolean => /^[A-Za-z0-9_./][A-Za-z0-9_./@+,=~*-]{0,999}$/.test(path);

/** The certificates of a list that was written by `certificateList`. */
export function listedCertificates(list: string): readonly HeldCertificate[] {
  const held: HeldCertificate[] = [];
  let digest: string | undefined;
  for (const line of list.split('\n')) {
    if (line.startsWith('#')) digest = line.slice(1).trim();
    else if (line !== '') {
      held.push({ path: line, digest });
      digest = undefined;
    }
  }
  return held;
}

/**
 * The commands from what a worker holds to what it should. `held`: the first is what :443 answers with where no name fits. One
 * whose file cannot be used any more is left as it is: it serves on, until a reload.
 */
export function planCertificates(
  held: readonly HeldCertificate[],
  certificates: CertificateSet,
  use: CertificateUse,
): CertificatePlan {
  const { usable } = certificates;
  if (!use.list) return planWithoutList(held, usable, use);
  if (usable.length === 0) return NOTHING;
  if (held.length === 0) return { commands: [], needs: [needFor('first', usable[0]?.path ?? '')] };
  const digests = new Map(held.map(({ path, digest }) => [path, digest]));
  const wanted = new Set(usable.map(({ path }) => path));
  const broken = new Set(certificates.refused.flatMap(({ path, replaced }) => (replaced ? [] : [path])));
  const [first, ...others] = held.map(({ path }) => path);
  const commands: CertificateCommand[] = [];
  const needs: CertificateNeed[] = [];
  const changed = usable.filter(({ path, digest }) => !digests.has(path) || digests.get(path) !== digest);
  const order = overtaken(usable, changed);
  for (const certificate of changed) {
    const { path, digest = '' } = certificate;
    const why = order.has(path) ? 'order' : cannotBeSaid(certificate);
    if (why !== undefined) needs.push(needFor(why, path));
    else if (digests.has(path)) commands.push({ do: 'renew-certificate', certificate: path, digest });
    else commands.push({ do: 'add-certificate', list: CERTIFICATE_LIST, certificate: path, digest });
  }
  if (first !== undefined && first !== usable[0]?.path && !broken.has(first)) {
    needs.push(needFor('default', usable[0]?.path ?? ''));
  }
  for (const path of others) {
    if (wanted.has(path) || broken.has(path)) continue;
    if (isSayablePath(path)) commands.push({ do: 'remove-certificate', list: CERTIFICATE_LIST, certificate: path });
    else needs.push(needFor('path', path));
  }
  return { commands, needs };
}

/** Nothing serves the list: only what service ports are bound with is held, and what came and went is of no interest to anybody. */
function planWithoutList(
  held: readonly HeldCertificate[],
  usable: readonly Certificate[],
  { others, services }: CertificateUse,
): CertificatePlan {
  const digests = new Map(held.map(({ path, digest }) => [path, digest]));
  const renewed = usable.filter(({ path, digest }) => digests.has(path) && digests.get(path) !== digest);
  if (others) {
    const known = new Set(usable.map(({ path }) => path));
    const changed =
      renewed[0]?.path ??
      usable.find(({ path }) => !digests.has(path))?.path ??
      held.find(({ path }) => !known.has(path))?.path;
    return changed === undefined ? NOTHING : { commands: [], needs: [needFor('elsewhere', changed)] };
  }
  const commands: CertificateCommand[] = [];
  const needs: CertificateNeed[] = [];
  for (const certificate of renewed) {
    const { path, digest = '' } = certificate;
    if (!services.has(path)) continue;
    const why = cannotBeSaid(certificate);
    if (why !== undefined) needs.push(needFor(why, path));
    else commands.push({ do: 'renew-certificate', certificate: path, digest });
  }
  return { commands, needs };
}

/** How a loaded configuration uses certificates. `services`: those that it has. */
export function certificateUse({ fixed }: Loaded, services: RoutingTable['services']): CertificateUse {
  const texts = [...fixed].flatMap(([section, text]) => (section === CERTIFICATE_LIST ? [] : [text]));
  const binds = services.flatMap((service) => service.binds);
  return {
    list: texts.some((text) => text.includes(CERTIFICATE_LIST)),
    others: texts.some((text) => /\scrt(?:-list)?\s/.test(text)),
    services: new Set(binds.flatMap(({ certificate }) => certificate?.value ?? [])),
  };
}

/** What a worker holds after a command. */
export function withCommand(held: readonly HeldCertificate[], command: CertificateCommand): readonly HeldCertificate[] {
  const { certificate: path } = command;
  switch (command.do) {
    case 'add-certificate':
      return [...held.filter((one) => one.path !== path), { path, digest: command.digest }];
    case 'renew-certificate':
      return held.map((one) => (one.path === path ? { path, digest: command.digest } : one));
    case 'remove-certificate':
      return held.filter((one) => one.path !== path);
    default:
      return unreachable(command);
  }
}

const needFor = (why: CertificateNeed['why'], certificate: string): CertificateNeed => ({
  because: 'certificate',
  why,
  certificate,
});

function cannotBeSaid({ path, digest, carried }: Certificate): CertificateNeed['why'] | undefined {
  if (carried === undefined || digest === undefined) return 'unchecked';
  if (!isSayablePath(path)) return 'path';
  if (carried.companions) return 'companions';
  if (path.length + carried.size + 100 > LARGEST_CERTIFICATE_COMMAND) return 'size';
  return undefined;
}

/**
 * Of the changed certificates, those that would come behind one that the list names later: of several certificates for a name
 * HAProxy (2.6 to 3.2 at least) serves the one that it was told first, and one that is renewed counts as told anew.
 */
function overtaken(usable: readonly Certificate[], changed: readonly Certificate[]): ReadonlySet<string> {
  const found = new Set<string>();
  if (changed.length === 0) return found;
  const isChanged = new Set(changed);
  const later = new Map<string, Certificate[]>();
  for (const certificate of [...usable].reverse()) {
    const { names, path } = certificate;
    for (const name of names) {
      const rivals = later.get(name) ?? [];
      if (isChanged.has(certificate)) {
        if (rivals.some((rival) => sameKind(rival, certificate))) found.add(path);
      } else later.set(name, [...rivals, certificate]);
    }
  }
  return found;
}

const sameKind = ({ carried: a }: Certificate, { carried: b }: Certificate): boolean =>
  a === undefined || b === undefined || kindOf(a.keyType) === kindOf(b.keyType);

/** HAProxy tells these apart, and no others. */
const kindOf = (keyType: string): string => (['rsa', 'ec', 'dsa'].includes(keyType) ? keyType : 'other');
