import type { CertificateSet } from '../core/certificates.ts';
import type { TemplateSources } from '../core/config.ts';

/** What apps are put into: with others, HAProxy may take what it has refused. */
export interface Surroundings {
  /** They say something else than the last time. */
  changed(templates: TemplateSources, certificates: CertificateSet): boolean;
}

/** Nothing was seen yet. */
export function createSurroundings(): Surroundings {
  let text: string | undefined;
  let of: readonly unknown[] = [];
  return {
    changed(templates, certificates) {
      if (templates === of[0] && certificates === of[1]) return false;
      const before = text;
      of = [templates, certificates];
      text = JSON.stringify(of);
      return before !== undefined && before !== text;
    },
  };
}
