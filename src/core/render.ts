import type { CertificateSet } from './certificates.ts';
import type { RenderedConfig, TemplateFailure, TemplateName, TemplateSources } from './config.ts';
import { asFragment, createFragments, type Fragment } from './fragment.ts';
import { createConfigMaker } from './lazy-config.ts';
import { createListMaker } from './list-maker.ts';
import type { Origin } from './problem.ts';
import { remembered } from './remembered.ts';
import { fail, ok, type Result } from './result.ts';
import type { Backend, Profile, RoutingTable, ServiceFrontend } from './routing.ts';
import type { BindAddress, Settings } from './settings.ts';
import { createShapes, type Shapes } from './shapes.ts';
import { bareBackend, profileBackend, type Reserve, sparesAmong } from './spares.ts';
import { compileTemplates, type View } from './template.ts';
import {
  backendView,
  CERTIFICATE_LIST,
  type Cookies,
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
   * Same input, same bytes. Fails only where an overridden template breaks on a value that the trial did not have. `reserves`:
   * backends and profiles for apps that come while this configuration runs.
   */
  render(
    table: RoutingTable,
    settings: Settings,
    certificates: CertificateSet,
    place: RenderPlace,
    reserves?: readonly Reserve[],
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

const DEFAULT: Origin = { from: 'default' };
const setting = (name: string): Origin => ({ from: 'setting', name });

/**
 * A renderer for a set of templates, or what is wrong with one of them: all are tried with sample values first. `cookies`: where
 * those of sticky servers come from.
 */
export function createRenderer(
  sources: TemplateSources,
  cookies: Cookies = 'named',
): Result<PartsRenderer, TemplateFailure> {
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
  /** Sections of which there is one: they are made every time, and stay the same object while they say the same. */
  const single = new Map<string, Fragment>();
  const fixed = (...input: Parameters<typeof fragment>): Result<Fragment, TemplateFailure> => {
    const made = fragment(...input);
    if (!made.ok) return made;
    const { section, text, origin } = made.value;
    const before = single.get(section);
    if (before?.text === text && JSON.stringify(before.origin) === JSON.stringify(origin)) return ok(before);
    single.set(section, made.value);
    return made;
  };
  const ofSpare = remembered(bareBackend);
  const profiles = new Map<string, Fragment>();
  const ofProfile = (name: string, profile: Profile, origin: Origin): Result<Fragment, TemplateFailure> => {
    const before = profiles.get(name);
    if (before?.origin === origin) return ok(before);
    const made = fixed('profile', profileView(profile, cookies), `defaults ${name}`, origin);
    if (made.ok) profiles.set(name, made.value);
    return made;
  };
  const ofService = remembered((service: ServiceFrontend) =>
    fragment('service-frontend', serviceView(service), `frontend ${serviceFrontendName(service)}`, service.origin),
  );
  const ofBackend = remembered((backend: Backend) =>
    fragment('backend', backendView(backend, cookies), `backend ${backend.name}`, backend.origin),
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

  const lists = {
    userlists: createFragments(ofUserlist),
    services: createFragments((service: ServiceFrontend) =>
      service.inRange === undefined ? ofService(service) : ok(undefined),
    ),
    backends: createFragments(ofBackend),
    spares: createFragments(ofBackend),
  };
  const profileNames = createListMaker(({ profile }: Backend) => profileName(profile));
  const configOf = createConfigMaker();

  type Sections = Generator<Result<Fragment | readonly Fragment[], TemplateFailure>>;

  function* opening(settings: Settings, place: RenderPlace): Sections {
    yield fixed('global', globalView(settings, place), 'global', DEFAULT);
    yield fixed('defaults', {}, 'defaults base', DEFAULT);
  }

  function* sharedFrontends(
    settings: Settings,
    certificates: CertificateSet,
    services: readonly ServiceFrontend[],
  ): Sections {
    const lookup = templates.render('route-lookup', routeLookupView(settings));
    if (!lookup.ok) return yield lookup;
    const shared = (name: TemplateName, section: string, binds: readonly BindAddress[], flag: string) =>
      binds.length === 0 ? ok([]) : fixed(name, sharedView(binds, settings, lookup.value), section, setting(flag));
    yield shared('stats', 'listen stats', settings.statsBind, 'stats-bind');
    yield shared('http-frontend', 'frontend marathon_http_in', settings.httpBind, 'http-bind');
    if (certificateList(certificates) !== '') {
      yield shared('https-frontend', 'frontend marathon_https_in', settings.httpsBind, 'https-bind');
    }
    yield shared('appid-frontend', 'frontend marathon_http_appid_in', settings.appidBind, 'appid-bind');
    const { servicePortRange } = settings;
    if (servicePortRange !== undefined) {
      const view = rangeView(servicePortRange, services);
      yield fixed('service-range', view, 'frontend portolan_services', setting('service-port-range'));
    }
  }

  function* sections(
    table: RoutingTable,
    settings: Settings,
    certificates: CertificateSet,
    place: RenderPlace,
    reserves: readonly Reserve[],
  ): Sections {
    yield* opening(settings, place);
    for (const [name, { profile, origin }] of profilesIn(table.backends, profileNames(table.backends), reserves)) {
      yield ofProfile(name, profile, origin);
    }
    yield lists.userlists(table.backends);
    yield* sharedFrontends(settings, certificates, table.services);
    yield lists.services(table.services);
    yield lists.backends(table.backends);
    yield lists.spares(sparesAmong(reserves).map(ofSpare));
  }

  return ok({
    shapes: createShapes((name, view) => templates.render(name, view), cookies),
    fixedSections(settings, certificates, place, services = []) {
      const fixed = collected(opening(settings, place));
      const frontends = collected(sharedFrontends(settings, certificates, services));
      if (!fixed.ok) return fixed;
      if (!frontends.ok) return frontends;
      return ok(
        new Map([
          ...[...fixed.value, ...frontends.value].map(({ section, text }) => [section, text] as const),
          [CERTIFICATE_LIST, certificateList(certificates)],
        ]),
      );
    },
    render(table, settings, certificates, place, reserves = []) {
      const rendered = collected(sections(table, settings, certificates, place, reserves));
      if (!rendered.ok) return rendered;
      return ok(configOf(rendered.value, table, certificateList(certificates), settings.pathMatch));
    },
  });
}

/** All of it, or the first failure. */
function collected(
  sections: Iterable<Result<Fragment | readonly Fragment[], TemplateFailure>>,
): Result<readonly Fragment[], TemplateFailure> {
  const parts: (Fragment | readonly Fragment[])[] = [];
  for (const section of sections) {
    if (!section.ok) return section;
    parts.push(section.value);
  }
  return ok(parts.flat());
}

/**
 * The profiles in use, by name. A balance with an argument is the only part of one that HAProxy could refuse: the
 * profile then belongs to whoever asked for it first.
 */
function profilesIn(
  backends: readonly Backend[],
  names: readonly string[],
  reserves: readonly Reserve[],
): readonly (readonly [string, { readonly profile: Profile; readonly origin: Origin }])[] {
  const found = new Map<string, Backend>();
  for (const name of new Set(names)) {
    const first = backends[names.indexOf(name)];
    if (first !== undefined) found.set(name, first);
  }
  for (const { profile } of reserves) {
    const name = profileName(profile);
    if (!found.has(name)) found.set(name, profileBackend(profile));
  }
  return [...found]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, { profile, profileOrigins }]) => {
      const origin = profile.balance.includes('(') ? profileOrigins.balance : DEFAULT;
      return [name, { profile, origin }];
    });
}
