import type { Origin } from './problem.ts';
import type { Brand } from './result.ts';

/** Number of a configuration on disk. Grows by one with every one written; proven by reading it back from the worker. */
export type Generation = Brand<number, 'Generation'>;

/** A rendered configuration, without generation number: same input, same bytes. */
export interface RenderedConfig {
  /** `haproxy.cfg`, `maps/hosts.map`, …: relative names, the same in every generation. */
  readonly files: ReadonlyMap<string, string>;
  /** Line ranges of `haproxy.cfg` and who owns them; together they cover every line. Sorted. */
  readonly owners: readonly LineOwner[];
  /** SHA-256 over names and bytes of all files. */
  readonly digest: string;
}

/** Lines `from`–`to` (1-based, inclusive) of haproxy.cfg belong to `origin`. */
export interface LineOwner {
  readonly from: number;
  readonly to: number;
  readonly origin: Origin;
  /** The section's name, e.g. `frontend marathon_http_in` or `backend web_10000`: the second phase of HAProxy's validation names proxies, not lines. */
  readonly section: string;
}

/** The line of haproxy.cfg whose number is replaced when a configuration is written as a generation. */
export const GENERATION_LINE = 'setenv PORTOLAN_GENERATION 0';

/** The text of haproxy.cfg with its generation number in place. The number of lines stays, so owners keep fitting. */
export function stampGeneration(haproxyCfg: string, generation: Generation): string {
  return haproxyCfg.replace(GENERATION_LINE, `setenv PORTOLAN_GENERATION ${generation}`);
}

/** The inverse of `stampGeneration`: what the renderer wrote. */
export function unstampGeneration(haproxyCfg: string): string {
  return haproxyCfg.replace(/setenv PORTOLAN_GENERATION \d+/, GENERATION_LINE);
}

/** Names of the templates; each is one section of haproxy.cfg or one block in it. */
export const TEMPLATE_NAMES = [
  'global',
  'defaults',
  'stats',
  'route-lookup',
  'http-frontend',
  'https-frontend',
  'appid-frontend',
  'service-range',
  'service-frontend',
  'profile',
  'userlist',
  'backend',
] as const;
/** One of the templates. */
export type TemplateName = (typeof TEMPLATE_NAMES)[number];

/** Handlebars sources by name, each with the file it came from (for error messages). */
export type TemplateSources = Readonly<Record<TemplateName, { readonly file: string; readonly text: string }>>;

/** A template that cannot be used: file, line and what is wrong. */
export interface TemplateFailure {
  readonly file: string;
  readonly line?: number;
  readonly message: string;
}

/** What HAProxy said about a configuration. */
export interface Diagnostic {
  readonly severity: 'alert' | 'warning';
  /** Line of haproxy.cfg, when HAProxy named one. */
  readonly line?: number;
  readonly message: string;
}
