import type { Snapshot } from '../core/app.ts';
import type { CertificateSet } from '../core/certificates.ts';
import type { TemplateSources } from '../core/config.ts';
import { commonEnds } from '../core/list-maker.ts';
import type { Checked } from '../core/problem.ts';

/** All that decides what HAProxy should do, settings and memory aside. */
export interface Inputs {
  readonly snapshot: Checked<Snapshot>;
  readonly templates: TemplateSources;
  readonly certificates: CertificateSet;
}

/** Nothing differs, so nothing has to be built again: apps by identity, the rest by content. */
export function sameInputs(a: Inputs, b: Inputs): boolean {
  return (
    sameApps(a.snapshot.value, b.snapshot.value) &&
    sameContent(a.snapshot.problems, b.snapshot.problems) &&
    sameContent(a.templates, b.templates) &&
    sameContent(a.certificates, b.certificates)
  );
}

function sameApps(a: Snapshot, b: Snapshot): boolean {
  return a === b || (a.apps.length === b.apps.length && commonEnds(a.apps, b.apps).head === b.apps.length);
}

const sameContent = (a: unknown, b: unknown): boolean => a === b || JSON.stringify(a) === JSON.stringify(b);
