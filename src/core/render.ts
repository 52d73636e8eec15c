import type { CertificateSet } from './certificates.ts';
import type { LineOwner, RenderedConfig, TemplateFailure, TemplateName, TemplateSources } from './config.ts';
import { filesDigest, textDigest } from './digest.ts';
import { renderMaps } from './maps.ts';
import type { Origin } from './problem.ts';
import { fail, ok, type Result } from './result.ts';
import type { Backend, Profile, RoutingTable, ServiceFrontend } from './routing.ts';
import type { BindAddress, Settings } from './settings.ts';
import { compileTemplates, type View } from './template.ts';
import {
  backendView,
  CERTIFICATE_LIST,
  certificateList,
  globalView,
  profileName,
  profileView,
  type RenderPlace,
  serviceFrontendName,
  serviceView,
  sharedView,
  userlistName,
  userlistView,
} from './template-views.ts';
import { trialRender } from './trial.ts';

export type { RenderPlace } from './template-views.ts';

/** Turns routing tables into configurations, remembering the text of what did not change. */
export interface Renderer {
  /** Same input, same bytes. Fails only where an overridden template breaks on a value that the trial did not have. */
  render(
    table: RoutingTable,
    settings: Settings,
    certificates: CertificateSet,
    place: RenderPlace,
  ): Result<RenderedConfig, TemplateFailure>;
}

/** A section of haproxy.cfg: whole lines, a blank one at the end and none before. */
interface Fragment {
  readonly text: string;
  readonly lines: number;
  readonly digest: Uint8Array;
  readonly section: string;
  readonly origin: Origin;
}

const DEFAULT: Origin = { from: 'default' };
const setting = (name: string): Origin => ({ from: 'setting', name });

/** A renderer for a set of templates, or what is wrong with one of them: all are tried with sample values first. */
export function createRenderer(sources: TemplateSources): Result<Renderer, TemplateFailure> {
  const compiled = compileTemplates(sources);
  if (!compiled.ok) return compiled;
  const templates = compiled.value;
  const trial = trialRender(templates, sources);
  if (trial !== undefined) return fail(trial);

  const fragment = (
    name: TemplateName,
    view: View,
    section: string,
    origin: Origin,
  ): Result<Fragment, TemplateFailure> => {
    const rendered = templates.render(name, view);
    return rendered.ok ? ok(asFragment(rendered.value, section, origin)) : rendered;
  };
  const ofService = remembered((service: ServiceFrontend) =>
    fragment('service-frontend', serviceView(service), `frontend ${serviceFrontendName(service)}`, service.origin),
  );
  const ofBackend = remembered((backend: Backend) =>
    fragment('backend', backendView(backend), `backend ${backend.name}`, backend.origin),
  );
  const ofUserlist = remembered((backend: Backend) =>
    backend.auth === undefined
      ? ok(undefined)
      : fragment(
          'userlist',
          userlistView(backend, backend.auth.value),
          `userlist ${userlistName(backend)}`,
          backend.auth.origin,
        ),
  );

  function* sections(
    table: RoutingTable,
    settings: Settings,
    certificates: CertificateSet,
    place: RenderPlace,
  ): Generator<Result<Fragment | undefined, TemplateFailure>> {
    const shared = (name: TemplateName, section: string, binds: readonly BindAddress[], flag: string) =>
      binds.length === 0 ? ok(undefined) : fragment(name, sharedView(binds, settings), section, setting(flag));
    yield fragment('global', globalView(settings, place), 'global', DEFAULT);
    yield fragment('defaults', {}, 'defaults base', DEFAULT);
    for (const [name, { profile, origin }] of profilesIn(table.backends)) {
      yield fragment('profile', profileView(profile), `defaults ${name}`, origin);
    }
    for (const backend of table.backends) yield ofUserlist(backend);
    yield shared('stats', 'listen stats', settings.statsBind, 'stats-bind');
    yield shared('http-frontend', 'frontend marathon_http_in', settings.httpBind, 'http-bind');
    if (certificateList(certificates) !== '') {
      yield shared('https-frontend', 'frontend marathon_https_in', settings.httpsBind, 'https-bind');
    }
    yield shared('appid-frontend', 'frontend marathon_http_appid_in', settings.appidBind, 'appid-bind');
    for (const service of table.services) yield ofService(service);
    for (const backend of table.backends) yield ofBackend(backend);
  }

  return ok({
    render(table, settings, certificates, place) {
      const fragments: Fragment[] = [];
      for (const section of sections(table, settings, certificates, place)) {
        if (!section.ok) return section;
        if (section.value !== undefined) fragments.push(section.value);
      }
      const files = new Map<string, string>([
        ['haproxy.cfg', fragments.map(({ text }) => text).join('')],
        [CERTIFICATE_LIST, certificateList(certificates)],
        ...renderMaps(table, settings.pathMatch),
      ]);
      const paragraphs = fragments.map(({ digest }) => digest);
      const digest = filesDigest(files, (file) => (file === 'haproxy.cfg' ? paragraphs : undefined));
      return ok({ files, owners: ownersOf(fragments), digest });
    },
  });
}

/** Remembers by identity: an unchanged backend costs nothing, and a forgotten one is collected with its text. */
function remembered<K extends object, V>(make: (key: K) => V): (key: K) => V {
  const known = new WeakMap<K, V>();
  return (key) => {
    const before = known.get(key);
    if (before !== undefined) return before;
    const value = make(key);
    known.set(key, value);
    return value;
  };
}

function asFragment(rendered: string, section: string, origin: Origin): Fragment {
  const text = `${withoutBlankLines(rendered)}\n`;
  return { text, lines: text.split('\n').length - 1, digest: textDigest(text), section, origin };
}

/** What a template wrote, as whole lines: a blank one would look like the end of the section. */
function withoutBlankLines(rendered: string): string {
  if (rendered.endsWith('\n') && !/\r|\n[ \t]*\n|^\n/.test(rendered)) return rendered;
  const lines = rendered.split(/\r?\n/).filter((line) => line.trim() !== '');
  return `${lines.join('\n')}\n`;
}

function ownersOf(fragments: readonly Fragment[]): readonly LineOwner[] {
  let from = 1;
  return fragments.map(({ lines, origin, section }) => {
    const owner = { from, to: from + lines - 1, origin, section };
    from += lines;
    return owner;
  });
}

/**
 * The profiles in use, by name. A balance with an argument is the only part of one that HAProxy could refuse: the
 * profile then belongs to whoever asked for it first.
 */
function profilesIn(
  backends: readonly Backend[],
): readonly (readonly [string, { readonly profile: Profile; readonly origin: Origin }])[] {
  const found = new Map<string, { readonly profile: Profile; readonly origin: Origin }>();
  for (const { profile, profileOrigins } of backends) {
    const name = profileName(profile);
    if (found.has(name)) continue;
    found.set(name, { profile, origin: profile.balance.includes('(') ? profileOrigins.balance : DEFAULT });
  }
  return [...found].sort(([a], [b]) => (a < b ? -1 : 1));
}
