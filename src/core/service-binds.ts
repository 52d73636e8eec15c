import type { App } from './app.ts';
import { isTlsOption } from './bind-options.ts';
import type { CertificateSet } from './certificates.ts';
import type { PortLabels, ReadLabel } from './label-reader.ts';
import { labelProblem } from './label-reader.ts';
import { LABELS } from './labels.ts';
import type { Problem, Sourced } from './problem.ts';
import type { BindOption, ServiceBind } from './routing.ts';

/** The binds that a service asks for; none when opening one would be less protected than what was asked for. */
export interface WantedBinds {
  readonly binds: readonly ServiceBind[];
  readonly problems: readonly Problem[];
}

const refused = (problems: readonly Problem[]): WantedBinds => ({ binds: [], problems });

/** The binds of a service port, by the labels for address, certificate and options. */
export function wantedBinds(app: App, port: number, labels: PortLabels, certificates: CertificateSet): WantedBinds {
  const { bindAddresses } = labels;
  if (bindAddresses !== undefined && bindAddresses.value === undefined) return refused([]);
  const certificate = resolveCertificate(app, labels.certificate, certificates);
  if (certificate.problem !== undefined) return refused([certificate.problem]);
  if (labels.certificate !== undefined && certificate.value === undefined) return refused([]);
  const { options, problems, unsafe } = resolveOptions(app, labels, certificates);
  if (unsafe) return refused(problems);
  const common = { port, options, ...(certificate.value === undefined ? {} : { certificate: certificate.value }) };
  return { binds: (bindAddresses?.value ?? ['*']).map((address) => ({ address, ...common })), problems };
}

function resolveCertificate(
  app: App,
  label: ReadLabel<string> | undefined,
  certificates: CertificateSet,
): { readonly value?: Sourced<string>; readonly problem?: Problem } {
  if (label?.value === undefined) return {};
  const named = label.value;
  const candidates = belowFolders(named, certificates.folders);
  const usable = certificates.usable.find(({ path }) => candidates.includes(path));
  if (usable !== undefined) return { value: { value: usable.path, origin: label.origin } };
  const refusal = certificates.refused.find(({ path }) => candidates.includes(path));
  const says = refusal === undefined ? 'no such certificate below --ssl-certs' : `it was refused: ${refusal.reason}`;
  const origin = { app: app.id, label: label.label };
  const more = {
    value: named,
    expected: 'a PEM file with certificate and key below one of the folders of --ssl-certs',
    example: LABELS.certificate.example,
  };
  return {
    problem: labelProblem(
      'CertificateUnusable',
      'route-refused',
      origin,
      `${says}; the service port stays closed`,
      more,
    ),
  };
}

/** The files that a label's path may mean: itself when absolute, else one in each folder. Only below the folders. */
function belowFolders(path: string, folders: readonly string[]): readonly string[] {
  const roots = folders.map((folder) => (folder.endsWith('/') ? folder : `${folder}/`));
  return path.startsWith('/')
    ? roots.some((root) => path.startsWith(root))
      ? [path]
      : []
    : roots.map((root) => `${root}${path}`);
}

function resolveOptions(
  app: App,
  { bindOptions, certificate }: PortLabels,
  certificates: CertificateSet,
): { readonly options: readonly BindOption[]; readonly problems: readonly Problem[]; readonly unsafe: boolean } {
  if (bindOptions?.value === undefined) return { options: [], problems: [], unsafe: false };
  const origin = { app: app.id, label: bindOptions.label };
  const closed = 'the service port stays closed';
  if (bindOptions.value.unsafe) return { options: [], problems: [], unsafe: true };
  const asked = bindOptions.value.options;
  if (certificate === undefined && asked.some(isTlsOption)) {
    const verifies = asked.some((option) => option.option === 'verify' && option.argument !== 'none');
    const says = `options for TLS have no effect without a certificate${verifies ? `, and clients would not be verified; ${closed}` : ''}`;
    const effect = verifies ? 'route-refused' : 'notice';
    const problems = [labelProblem('LabelWithoutEffect', effect, origin, says)];
    return { options: asked.filter((option) => !isTlsOption(option)), problems, unsafe: verifies };
  }
  const options: BindOption[] = [];
  for (const option of asked) {
    if (option.option !== 'ca-file') {
      options.push(option);
      continue;
    }
    const argument = belowFolders(option.argument, certificates.folders).find((path) =>
      certificates.authorities.includes(path),
    );
    if (argument === undefined) {
      const says = `no such CA file below --ssl-certs; ${closed}`;
      const expected = 'a PEM file with certificates and no key below one of the folders of --ssl-certs';
      const more = { value: option.argument, expected, example: 'ca.pem' };
      const problem = labelProblem('CertificateUnusable', 'route-refused', origin, says, more);
      return { options: [], problems: [problem], unsafe: true };
    }
    options.push({ option: 'ca-file', argument });
  }
  return { options, problems: [], unsafe: false };
}
