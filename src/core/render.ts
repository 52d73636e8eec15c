import type { CertificateSet } from './certificates.ts';
import type { LineOwner, RenderedConfig, TemplateFailure, TemplateName, TemplateSources } from './config.ts';
import { filesDigest } from './digest.ts';
import { asFragment, type Fragment } from './fragment.ts';
import { renderMaps } from './maps.ts';
import type { Origin } from './problem.ts';
import { remembered } from './remembered.ts';
import { fail, ok, type Result } from './result.ts';
import type { Backend, Profile, RoutingTable, ServiceFrontend } from './routing.ts';
import type { BindAddress, Settings } from './settings.ts';
import { createShapes, type Shapes } from './shapes.ts';
import { bareBackend, type Spare } from './spares.ts';
import { compileTemplates, type View } from './template.ts';
import {
  backendView,
  CERTIFICATE_LIST,
  certificateList,
  globalView,
  profileName,
  profileView,
  type RenderPlace,
  rangeView,
  routeLookupView,
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
  /**
   * Same input, same bytes. Fails only where an overridden template breaks on a value that the trial did not have. `spares`:
   * backends for apps that come while this configuration runs.
   */
  render(
    table: RoutingTable,
    settings: Settings,
    certificates: CertificateSet,
    place: RenderPlace,
    spares?: readonly Spare[],
  ): Result<RenderedConfig, TemplateFailure>;
}

/** A renderer that tells the parts of what it renders, for deciding what needs no reload. */
export interface PartsRenderer extends Renderer {
  /**
   * The sections that no app owns, by name, and the list of certificates by its file's. `services`: those of the table that is or
   * will be loaded, since the range of service ports leaves out what has a frontend of its own.
   */
  fixedSections(
    settings: Settings,
    certificates: CertificateSet,
    place: RenderPlace,
    services?: readonly ServiceFrontend[],
  ): Result<ReadonlyMap<string, string>, TemplateFailure>;
  /** What these templates make of single parts of a table. */
  readonly shapes: Shapes;
}

const NOTHING: RoutingTable = { services: [], routes: [], appIds: [], backends: [] };
const DEFAULT: Origin = { from: 'default' };
const setting = (name: string): Origin => ({ from: 'setting', name });

/** A renderer for a set of templates, or what is wrong with one of them: all are tried with sample values first. */
export function createRenderer(sources: TemplateSources): Result<PartsRenderer, TemplateFailure> {
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
  const ofSpare = remembered(bareBackend);
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
    spares: readonly Backend[],
  ): Generator<Result<Fragment | undefined, TemplateFailure>> {
    const lookup = templates.render('route-lookup', routeLookupView(settings));
    if (!lookup.ok) return yield lookup;
    const shared = (name: TemplateName, section: string, binds: readonly BindAddress[], flag: string) =>
      binds.length === 0
        ? ok(undefined)
        : fragment(name, sharedView(binds, settings, lookup.value), section, setting(flag));
    yield fragment('global', globalView(settings, place), 'global', DEFAULT);
    yield fragment('defaults', {}, 'defaults base', DEFAULT);
    for (const [name, { profile, origin }] of profilesIn([...table.backends, ...spares])) {
      yield fragment('profile', profileView(profile), `defaults ${name}`, origin);
    }
    for (const backend of table.backends) yield ofUserlist(backend);
    yield shared('stats', 'listen stats', settings.statsBind, 'stats-bind');
    yield shared('http-frontend', 'frontend marathon_http_in', settings.httpBind, 'http-bind');
    if (certificateList(certificates) !== '') {
      yield shared('https-frontend', 'frontend marathon_https_in', settings.httpsBind, 'https-bind');
    }
    yield shared('appid-frontend', 'frontend marathon_http_appid_in', settings.appidBind, 'appid-bind');
    const { servicePortRange } = settings;
    if (servicePortRange !== undefined) {
      const view = rangeView(servicePortRange, table.services);
      yield fragment('service-range', view, 'frontend portolan_services', setting('service-port-range'));
    }
    for (const service of table.services) if (service.inRange === undefined) yield ofService(service);
    for (const backend of table.backends) yield ofBackend(backend);
    for (const spare of spares) yield ofBackend(spare);
  }

  function fragmentsOf(...input: Parameters<typeof sections>): Result<readonly Fragment[], TemplateFailure> {
    const fragments: Fragment[] = [];
    for (const section of sections(...input)) {
      if (!section.ok) return section;
      if (section.value !== undefined) fragments.push(section.value);
    }
    return ok(fragments);
  }

  return ok({
    shapes: createShapes((name, view) => templates.render(name, view)),
    fixedSections(settings, certificates, place, services = []) {
      const rendered = fragmentsOf({ ...NOTHING, services }, settings, certificates, place, []);
      if (!rendered.ok) return rendered;
      const owned = new Set(services.map((service) => `frontend ${serviceFrontendName(service)}`));
      return ok(
        new Map([
          ...rendered.value.flatMap(({ section, text }) => (owned.has(section) ? [] : [[section, text] as const])),
          [CERTIFICATE_LIST, certificateList(certificates)],
        ]),
      );
    },
    render(table, settings, certificates, place, spares = []) {
      const rendered = fragmentsOf(table, settings, certificates, place, spares.map(ofSpare));
      if (!rendered.ok) return rendered;
      const fragments = rendered.value;
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
