import type { BackendName, ServerName } from './routing.ts';

/** Why commands are not enough: what the running configuration cannot take without a reload (haproxy-runtime 4.8). */
export type ReloadNeed =
  /** Tier D: there is no socket to speak to. */
  | { readonly because: 'no-runtime' }
  /** Settings, templates or certificates changed a section that no app owns. */
  | { readonly because: 'section-added' | 'section-removed' | 'section-changed'; readonly section: string }
  /** A new backend: `backend-added` where nothing but a frontend of its own leads to it. */
  | {
      readonly because: 'spares-exhausted' | 'no-fitting-spare' | 'no-fitting-profile' | 'backend-added';
      readonly backend: BackendName;
    }
  /** Its profile, or text of its own. */
  | { readonly because: 'backend-changed'; readonly backend: BackendName }
  | { readonly because: 'service-added' | 'service-changed' | 'service-removed'; readonly service: BackendName }
  | {
      readonly because: /** Other words or another address under the name of a server that is there. */
        | 'server-changed'
        /** It was removed and is still there, with other words. */
        | 'server-name-taken'
        /** A template says more of servers than `add server` does. */
        | 'server-text'
        /** Tier C: no cookie on a server that is added at run time, unless HAProxy computes it, which the template of profiles says. */
        | 'sticky-server';
      readonly backend: BackendName;
      readonly server: ServerName;
    }
  /** Tier C: removed servers pile up. */
  | { readonly because: 'tombstones'; readonly count: number }
  | CertificateNeed;

/** Why a change of certificates needs a reload. */
export interface CertificateNeed {
  readonly because: 'certificate';
  readonly why: /** There was none, so nothing was bound with the list. */
    | 'first'
    /** HAProxy cannot change which one answers where no name fits. */
    | 'default'
    /** For one of its names another one comes first, which a running HAProxy cannot be told. */
    | 'order'
    /** It does not fit into a command. */
    | 'size'
    /** Its path cannot be said on the command line. */
    | 'path'
    /** There are files beside it that HAProxy only reads when it loads. */
    | 'companions'
    /** Templates bind with certificates in a way of their own. */
    | 'elsewhere'
    /** Nothing is known of what it says. */
    | 'unchecked'
    /** HAProxy refused it, or showed another one afterwards, twice. */
    | 'refused'
    /** What was done is not known, twice. */
    | 'doubt';
  /** Path. */
  readonly certificate: string;
  /** HAProxy's words. */
  readonly detail?: string;
}

/** Nobody misses anything until then: it may wait for a reload that is needed anyway, or for a quiet moment. */
export const canWait = ({ because }: ReloadNeed): boolean => because === 'service-removed' || because === 'tombstones';

/** A need as one phrase. */
export function formatNeed(need: ReloadNeed): string {
  if (need.because === 'certificate') {
    const { why, certificate, detail } = need;
    return `certificate ${certificate}: ${why}${detail === undefined ? '' : ` (${detail})`}`;
  }
  if ('section' in need) return `${need.section} ${need.because.slice('section-'.length)}`;
  if ('service' in need) return `service port of ${need.service} ${need.because.slice('service-'.length)}`;
  if ('server' in need) return `${need.because} ${need.backend}/${need.server}`;
  if ('backend' in need) return `${need.because} ${need.backend}`;
  return need.because === 'tombstones' ? `${need.count} removed servers are still there` : 'no runtime socket';
}
