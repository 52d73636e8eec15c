import { formatNeed, type ReloadNeed } from './reload-need.ts';
import { unreachable } from './result.ts';
import { CERTIFICATE_LIST } from './template-views.ts';

/**
 * Why HAProxy is reloaded, in one word and one sentence (haproxy-runtime 4.8). The set is closed: the words are labels of a metric.
 * A reload counts once, under the first of these that holds for it: the further up, the less anything else could have spared it.
 */
export const RELOAD_WORDS = {
  start: 'HAProxy has run nothing of this Portolan yet.',
  unknown:
    'What HAProxy runs is not known: somebody else restarted, upgraded or reloaded it with something else, or it does not say.',
  'no-runtime':
    'The socket cannot be used: HAProxy is too old for it, or `--no-runtime`. Every change is a reload then.',
  doubt: 'Twice in a row the socket did not answer, or not so that the answer could be trusted.',
  drift: 'HAProxy is not as it should be, and commands could not repair it.',
  'shared-sections': 'A section that no app owns changed: `global`, `defaults`, a shared frontend, a template.',
  certificates:
    'A certificate that a running HAProxy cannot be told: the first, another default, one too large for a command, one that it refuses.',
  'service-port':
    'A service port outside `--service-port-range`, or with TLS or bind options of its own, came, went or changed.',
  'own-text':
    'An app needs what no profile and no map row can say, or changed that: authentication, allow-lists, rewritten paths, mode, balance, stickiness, a template of its own.',
  'server-words':
    'A server’s words differ from those of the running one of its name, or cannot be said to a running HAProxy.',
  'spares-exhausted':
    'Every spare backend that fits a new app is in use: `--spare-http`, `--spare-sticky` and `--spare-tcp` hold more of them ready. The reload refills them.',
  tombstones:
    'Below 3.0 HAProxy keeps removed servers in maintenance; beyond 2,000 of them a reload makes it forget them.',
} as const;

/** One of the words. */
export type ReloadWord = keyof typeof RELOAD_WORDS;

const ORDER = Object.keys(RELOAD_WORDS) as readonly ReloadWord[];

/** Why HAProxy must be reloaded, in detail. */
export type ReloadReason =
  | { readonly because: 'first-configuration' | 'running-unknown' }
  | { readonly because: 'file-changed'; readonly file: string }
  /** The socket was looked at again and told again, in vain. */
  | { readonly because: 'doubt' | 'drift'; readonly detail: string }
  | ReloadNeed;

/** The word that a reason falls under. */
export function wordOf(reason: ReloadReason): ReloadWord {
  switch (reason.because) {
    case 'first-configuration':
      return 'start';
    case 'running-unknown':
      return 'unknown';
    case 'no-runtime':
    case 'doubt':
    case 'drift':
    case 'spares-exhausted':
    case 'tombstones':
      return reason.because;
    case 'file-changed':
      return 'shared-sections';
    case 'certificate':
      return 'certificates';
    case 'section-added':
    case 'section-removed':
    case 'section-changed':
      return reason.section === CERTIFICATE_LIST ? 'certificates' : 'shared-sections';
    case 'service-added':
    case 'service-changed':
    case 'service-removed':
      return 'service-port';
    case 'no-fitting-spare':
    case 'no-fitting-profile':
    case 'backend-added':
    case 'backend-changed':
      return 'own-text';
    case 'server-changed':
    case 'server-name-taken':
    case 'server-text':
    case 'sticky-server':
      return 'server-words';
    default:
      return unreachable(reason);
  }
}

/**
 * No budget holds it back: nothing is served yet, nobody knows what is, or HAProxy is not as it should be. These do not come with
 * apps that change.
 */
export const cannotWait = ({ because }: ReloadReason): boolean =>
  because === 'first-configuration' || because === 'running-unknown' || because === 'doubt' || because === 'drift';

/** The same reasons, the main one first: the reload counts under its word. */
export const inOrderOfWeight = (reasons: readonly ReloadReason[]): readonly ReloadReason[] =>
  [...reasons].sort((a, b) => ORDER.indexOf(wordOf(a)) - ORDER.indexOf(wordOf(b)));

/** The word that a reload counts under. Without reason it is a start: nothing was there to differ from. */
export const mainWord = ([main]: readonly ReloadReason[]): ReloadWord => (main === undefined ? 'start' : wordOf(main));

/** A reason as one phrase. */
export function formatReason(reason: ReloadReason): string {
  switch (reason.because) {
    case 'first-configuration':
      return 'first configuration';
    case 'running-unknown':
      return 'what runs is unknown';
    case 'file-changed':
      return `${reason.file} changed`;
    case 'doubt':
      return `doubt: ${reason.detail}`;
    case 'drift':
      return `not repaired: ${reason.detail}`;
    default:
      return formatNeed(reason);
  }
}
