import type { AppId, Snapshot } from '../core/app.ts';
import type { CertificateSet } from '../core/certificates.ts';
import type { Diagnostic, LineOwner, TemplateFailure, TemplateSources } from '../core/config.ts';
import type { OpenName } from '../core/contest.ts';
import type { Memory } from '../core/memory.ts';
import type { Checked } from '../core/problem.ts';
import type { PartsRenderer } from '../core/render.ts';
import type { Result } from '../core/result.ts';
import type { RoutingTable } from '../core/routing.ts';
import type { Settings } from '../core/settings.ts';

/** The deciding functions of the core that a pass runs through; given, so that tests can script them. */
export interface Stages {
  readonly build: (
    snapshot: Snapshot,
    settings: Settings,
    certificates: CertificateSet,
    memory: Memory,
  ) => Checked<RoutingTable> & { readonly memory: Memory; readonly open?: readonly OpenName[] };
  readonly createRenderer: (sources: TemplateSources) => Result<PartsRenderer, TemplateFailure>;
  readonly blame: (diagnostics: readonly Diagnostic[], owners: readonly LineOwner[]) => ReadonlySet<AppId>;
}
