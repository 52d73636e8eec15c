import { access, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Certificate, CertificateSet } from '../core/certificates.ts';
import { ok } from '../core/result.ts';
import { inspectPem } from './pem.ts';
import { findPemFiles } from './pem-files.ts';
import { makeSelfSigned } from './self-signed.ts';
import { writeWhole } from './state-file.ts';

/** Larger files are no certificates: 1 MiB. */
const LARGEST_PEM = 1024 * 1024;
const YEAR_MS = 365 * 24 * 3_600_000;

type Checked = { readonly certificate: Certificate; readonly current: boolean; readonly entry: number };

/**
 * Reads and checks every certificate that `sslCerts` (files and folders, absolute) names. Bad ones are named in `refused`,
 * and cost only themselves.
 *
 * An expired certificate is refused where current ones cover all of its names, and served on otherwise: clients that look
 * are refused either way, those that do not look (and TCP services bound with it) go on working.
 */
export async function loadCertificates(sslCerts: readonly string[], now: number): Promise<CertificateSet> {
  const found = await findPemFiles(sslCerts);
  const refused: CertificateSet['refused'][number][] = [...found.refused];
  const authorities: string[] = [];
  const checked: Checked[] = [];
  for (const { path, entry } of found.files) {
    const result = await inspectFile(path, now);
    if (!result.ok) refused.push({ path, reason: result.failure });
    else if (result.value.kind === 'authority') authorities.push(path);
    else if (!isListable(path)) refused.push({ path, reason: NOT_LISTABLE });
    else checked.push({ ...result.value, entry });
  }
  const stale = checked.filter((one) => !one.current && isReplaced(one, checked));
  for (const { certificate } of stale) {
    refused.push({
      path: certificate.path,
      reason: `not valid now (until ${certificate.notAfter}), and replaced by others`,
      replaced: true,
    });
  }
  return {
    folders: found.folders,
    usable: defaultFirst(checked.filter((one) => !stale.includes(one))),
    refused: refused.sort((a, b) => byText(a.path, b.path)),
    authorities: authorities.sort(byText),
  };
}

/**
 * The certificate that :443 answers with where the operator gave none that is usable: made once, kept in the state folder,
 * made anew when it ends. `named`: the path by which HAProxy will find it.
 */
export async function addSelfSigned(
  set: CertificateSet,
  stateDir: string,
  now: number,
  named: (path: string) => string = (path) => path,
): Promise<CertificateSet> {
  if (set.usable.length > 0) return set;
  const path = join(stateDir, 'certificates', 'self-signed.pem');
  if (!isListable(named(path))) return { ...set, refused: [...set.refused, { path, reason: NOT_LISTABLE }] };
  const usable = (certificate: Certificate): readonly Certificate[] => [{ ...certificate, path: named(path) }];
  const existing = await inspectFile(path, now);
  if (existing.ok && existing.value.kind === 'certificate' && existing.value.current) {
    return { ...set, usable: usable(existing.value.certificate) };
  }
  const made = makeSelfSigned({
    commonName: 'portolan self-signed',
    names: ['portolan.invalid'],
    notBefore: now - 24 * 3_600_000,
    notAfter: now + 10 * YEAR_MS,
  });
  try {
    await writeWhole(path, made.certificate + made.key, 0o600);
  } catch (error) {
    return { ...set, refused: [...set.refused, { path, reason: `cannot be written: ${messageOf(error)}` }] };
  }
  const fresh = await inspectFile(path, now);
  return fresh.ok && fresh.value.kind === 'certificate' ? { ...set, usable: usable(fresh.value.certificate) } : set;
}

const NOT_LISTABLE =
  'its path holds a blank, a quote, a bracket, a backslash, # or a control character, which HAProxy’s list of certificates cannot carry; rename it';

/** A crt-list splits its lines at blanks and brackets and knows no quoting; `#` starts a comment. */
const isListable = (path: string): boolean => !/[\s#[\]\\'"\u0000-\u001f\u007f]/.test(path);

async function inspectFile(path: string, now: number) {
  try {
    const { size } = await stat(path);
    if (size > LARGEST_PEM) return { ok: false, failure: 'larger than 1 MiB' } as const;
    const text = await readFile(path, 'utf8');
    const keyText = text.includes('PRIVATE KEY-----') ? '' : await readFile(`${path}.key`, 'utf8').catch(() => '');
    const inspected = inspectPem(path, text, keyText, now);
    if (!inspected.ok || inspected.value.kind === 'authority') return inspected;
    const { certificate } = inspected.value;
    if (certificate.carried === undefined || !(await hasCompanions(path))) return inspected;
    const carried = { ...certificate.carried, companions: true };
    return ok({ ...inspected.value, certificate: { ...certificate, carried } });
  } catch (error) {
    return { ok: false, failure: `cannot be read: ${messageOf(error)}` } as const;
  }
}

/** Whether HAProxy would read more than the certificate when it loads that. */
async function hasCompanions(path: string): Promise<boolean> {
  const found = await Promise.allSettled(['.ocsp', '.issuer', '.sctl'].map((end) => access(`${path}${end}`)));
  return found.some(({ status }) => status === 'fulfilled');
}

/** Every name of `one` is covered by a certificate that is valid now. */
function isReplaced(one: Checked, all: readonly Checked[]): boolean {
  const names = new Set(all.filter(({ current }) => current).flatMap(({ certificate }) => certificate.names));
  const covered = (name: string) => names.has(name) || names.has(name.replace(/^[^.]+/, '*'));
  return names.size > 0 && one.certificate.names.every(covered);
}

function defaultFirst(usable: readonly Checked[]): readonly Certificate[] {
  const byEntry = [...usable].sort((a, b) => a.entry - b.entry || byText(a.certificate.path, b.certificate.path));
  const [first] = byEntry;
  const sorted = usable.map(({ certificate }) => certificate).sort((a, b) => byText(a.path, b.path));
  return first === undefined
    ? []
    : [first.certificate, ...sorted.filter(({ path }) => path !== first.certificate.path)];
}

const byText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
