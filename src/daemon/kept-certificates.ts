import type { HeldCertificate } from '../core/certificate-plan.ts';
import {
  type CertificateUse,
  certificateUse,
  listedCertificates,
  planCertificates,
  withCommand,
} from '../core/certificate-plan.ts';
import { heldIn, shows, strayed } from '../core/certificate-sight.ts';
import type { CertificateSet } from '../core/certificates.ts';
import type { Generation } from '../core/config.ts';
import type { Loaded } from '../core/loaded.ts';
import type { CertificateNeed } from '../core/reload-need.ts';
import type { RoutingTable } from '../core/routing.ts';
import type { CertificateCommand, CertificateRuntime } from '../core/runtime.ts';
import type { Difference } from '../core/runtime-difference.ts';
import { CERTIFICATE_LIST } from '../core/template-views.ts';
import type { LaneParts } from './lane.ts';

/** A worker, what it loaded and what it is to hold; without parts nothing is known of that. */
export interface CertifiedWorker {
  readonly generation: Generation;
  readonly loaded: Loaded;
  readonly parts: Pick<LaneParts, 'certificates'> | undefined;
}

/** How far the socket went. */
export interface CarriedCertificates {
  /** Commands that were carried out. */
  readonly commands: readonly CertificateCommand[];
  readonly needs: readonly CertificateNeed[];
}

/**
 * The certificates that the worker in charge was brought to over its socket. They are carried apart from the table: one that HAProxy
 * refuses keeps no route waiting.
 */
export interface KeptCertificates {
  /** Brings the worker to its certificates as far as its socket can. `services`: those that it runs. */
  carry(worker: CertifiedWorker, services: RoutingTable['services']): Promise<CarriedCertificates>;
  /**
   * Looks whether the worker still has its list, and of each time other fifty certificates whether it serves them. Gives what it
   * does not as it should: the next `carry` puts it right.
   */
  compare(worker: CertifiedWorker, services: RoutingTable['services']): Promise<readonly Difference[]>;
  /** The worker has loaded exactly these. */
  loaded(generation: Generation, certificates: CertificateSet): void;
  /** What the worker holds is not certain any more. */
  doubt(): void;
}

/** Certificates of one comparison: fifty are shown in 2 to 3 ms (measured on HAProxy 2.6). */
const AT_ONCE = 50;

/** After a doubt or a refusal it is looked again and told again, once; then only a reload is left. */
const TRIES = 2;

interface Kept {
  readonly generation: Generation;
  readonly held: readonly HeldCertificate[];
  readonly certain: boolean;
  /** What of it was carried out last, and what that came to: the same again needs no look. */
  readonly last?: { readonly certificates: CertificateSet; readonly needs: readonly CertificateNeed[] };
}

const sameCertificates = (a: CertificateSet, b: CertificateSet): boolean =>
  a === b || JSON.stringify(a) === JSON.stringify(b);

/** There is something to look at. */
const holds = ({ list, services }: CertificateUse): boolean => list || services.size > 0;

const refusedAs = ({ certificate }: CertificateCommand, detail: string): CertificateNeed => ({
  because: 'certificate',
  why: 'refused',
  certificate,
  detail,
});

/** Nothing known yet. */
export function createKeptCertificates(runtime: CertificateRuntime): KeptCertificates {
  let kept: Kept | undefined;
  /** Where the last comparison ended. */
  let compared = 0;

  async function carry(
    { generation, loaded, parts }: CertifiedWorker,
    services: RoutingTable['services'],
  ): Promise<CarriedCertificates> {
    if (parts === undefined) return { commands: [], needs: [] };
    const { certificates } = parts;
    if (kept?.generation !== generation) {
      kept = { generation, held: listedCertificates(loaded.fixed.get(CERTIFICATE_LIST) ?? ''), certain: false };
    }
    const { last } = kept;
    if (last !== undefined && sameCertificates(last.certificates, certificates))
      return { commands: [], needs: last.needs };
    const commands: CertificateCommand[] = [];
    let needs: readonly CertificateNeed[] = [];
    for (let tries = 0; tries < TRIES; tries += 1) {
      const sent = await bring(kept, certificates, certificateUse(loaded, services));
      commands.push(...sent.commands);
      needs = sent.needs;
      kept = sent.kept;
      if (kept.certain) break;
    }
    // A refusal is not asked for again and again; what is not known is looked at the next time.
    if (!needs.some(({ why }) => why === 'doubt')) kept = { ...kept, last: { certificates, needs } };
    return { commands, needs };
  }

  /** Looks where that is needed, tells, and proves it by reading. What was not proved is not certain. */
  async function bring(
    now: Kept,
    certificates: CertificateSet,
    use: CertificateUse,
  ): Promise<CarriedCertificates & { readonly kept: Kept }> {
    const { generation } = now;
    const told: CertificateCommand[] = [];
    const doubtful = (detail: string, held = now.held): CarriedCertificates & { readonly kept: Kept } => ({
      commands: told,
      needs: [{ because: 'certificate', why: 'doubt', certificate: CERTIFICATE_LIST, detail }],
      kept: { generation, held, certain: false },
    });
    let { held } = now;
    if (!now.certain && holds(use)) {
      const paths = [...held.map(({ path }) => path), ...certificates.usable.map(({ path }) => path)];
      const seen = await runtime.read(generation, { list: CERTIFICATE_LIST, paths });
      if (seen === undefined) return doubtful('certificates could not be read');
      held = heldIn(seen, held, certificates, use);
    }
    const plan = planCertificates(held, certificates, use);
    const refused: CertificateNeed[] = [];
    for (const command of plan.commands) {
      const result = await runtime.tell(generation, command);
      if (result.kind === 'doubt') return doubtful(result.detail, held);
      if (result.kind === 'refused') refused.push(refusedAs(command, result.reply));
      else {
        told.push(command);
        held = withCommand(held, command);
      }
    }
    const paths = told.map(({ certificate }) => certificate);
    const seen = told.length === 0 ? undefined : await runtime.read(generation, { list: CERTIFICATE_LIST, paths });
    if (seen === undefined && told.length > 0) return doubtful('certificates could not be read back', held);
    const wrong = told.flatMap((command) =>
      seen === undefined || shows(seen, command, certificates) ? [] : [refusedAs(command, 'HAProxy shows another one')],
    );
    return {
      commands: told,
      needs: [...plan.needs, ...refused, ...wrong],
      kept: { generation, held, certain: refused.length === 0 && wrong.length === 0 },
    };
  }

  async function compare(
    { generation, loaded, parts }: CertifiedWorker,
    services: RoutingTable['services'],
  ): Promise<readonly Difference[]> {
    const now = kept;
    const use = certificateUse(loaded, services);
    if (parts === undefined || !now?.certain || now.generation !== generation || !holds(use)) return [];
    if (compared >= now.held.length) compared = 0;
    const paths = now.held.slice(compared, compared + AT_ONCE).map(({ path }) => path);
    compared += AT_ONCE;
    const seen = await runtime.read(generation, { list: CERTIFICATE_LIST, paths });
    if (seen === undefined) {
      doubt();
      return [];
    }
    const wrong = strayed(seen, new Set(paths), now.held, parts.certificates, use);
    if (wrong.length > 0) doubt();
    return wrong.map((certificate) => ({ what: 'certificate-wrong', certificate }));
  }

  function doubt(): void {
    if (kept !== undefined) kept = { generation: kept.generation, held: kept.held, certain: false };
  }

  return {
    carry,
    compare,
    doubt,
    loaded(generation, certificates) {
      const held = certificates.usable.map(({ path, digest }) => ({ path, digest }));
      kept = { generation, held, certain: true, last: { certificates, needs: [] } };
    },
  };
}
