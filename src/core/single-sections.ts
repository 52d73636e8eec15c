import type { CertificateSet } from './certificates.ts';
import type { TemplateFailure, TemplateName } from './config.ts';
import type { Fragment } from './fragment.ts';
import { createListMaker } from './list-maker.ts';
import type { Origin } from './problem.ts';
import { rememberedLast } from './remembered.ts';
import { ok, type Result } from './result.ts';
import type { Backend, Profile, ServiceFrontend } from './routing.ts';
import type { BindAddress, Settings } from './settings.ts';
import { profileBackend, type Reserve } from './spares.ts';
import type { Templates, View } from './template.ts';
import {
  type Cookies,
  certificateList,
  globalView,
  profileName,
  profileView,
  type RenderPlace,
  rangeView,
  routeLookupView,
  sharedView,
} from './template-views.ts';

type Made = Result<readonly Fragment[], TemplateFailure>;

/** The sections of which there is one, whatever the apps: the same list while they say the same. */
export interface SingleSections {
  readonly opening: (settings: Settings, place: RenderPlace) => Made;
  readonly profiles: (backends: readonly Backend[], reserves: readonly Reserve[]) => Made;
  /** `services`: those that the range of service ports must leave alone. */
  readonly frontends: (settings: Settings, certificates: CertificateSet, services: readonly ServiceFrontend[]) => Made;
}

const DEFAULT: Origin = { from: 'default' };
const setting = (name: string): Origin => ({ from: 'setting', name });

/** Nothing rendered yet. What has the same input as the time before is not rendered again. */
export function createSingleSections(
  templates: Pick<Templates, 'render'>,
  fragment: (name: TemplateName, view: View, section: string, origin: Origin) => Result<Fragment, TemplateFailure>,
  cookies: Cookies,
): SingleSections {
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
  const profiles = new Map<string, Fragment>();
  const ofProfile = (name: string, profile: Profile, origin: Origin): Result<Fragment, TemplateFailure> => {
    const before = profiles.get(name);
    if (before?.origin === origin) return ok(before);
    const made = fixed('profile', profileView(profile, cookies), `defaults ${name}`, origin);
    if (made.ok) profiles.set(name, made.value);
    return made;
  };
  const profileNames = createListMaker(({ profile }: Backend) => profileName(profile));
  const same = createSameList();

  function* sharedFrontends(
    settings: Settings,
    certificates: CertificateSet,
    services: readonly ServiceFrontend[],
  ): Generator<Result<Fragment, TemplateFailure>> {
    const lookup = templates.render('route-lookup', routeLookupView(settings));
    if (!lookup.ok) return yield lookup;
    function* shared(name: TemplateName, section: string, binds: readonly BindAddress[], flag: string) {
      if (binds.length > 0 && lookup.ok)
        yield fixed(name, sharedView(binds, settings, lookup.value), section, setting(flag));
    }
    yield* shared('stats', 'listen stats', settings.statsBind, 'stats-bind');
    yield* shared('http-frontend', 'frontend marathon_http_in', settings.httpBind, 'http-bind');
    if (certificateList(certificates) !== '') {
      yield* shared('https-frontend', 'frontend marathon_https_in', settings.httpsBind, 'https-bind');
    }
    yield* shared('appid-frontend', 'frontend marathon_http_appid_in', settings.appidBind, 'appid-bind');
    const { servicePortRange } = settings;
    if (servicePortRange !== undefined) {
      const view = rangeView(servicePortRange, services);
      yield fixed('service-range', view, 'frontend portolan_services', setting('service-port-range'));
    }
  }

  return {
    opening: rememberedLast((settings, place) =>
      all([
        fixed('global', globalView(settings, place), 'global', DEFAULT),
        fixed('defaults', {}, 'defaults base', DEFAULT),
      ]),
    ),
    profiles(backends, reserves) {
      const made = all(
        profilesIn(backends, profileNames(backends), reserves).map(([name, { profile, origin }]) =>
          ofProfile(name, profile, origin),
        ),
      );
      return made.ok ? ok(same(made.value)) : made;
    },
    frontends: rememberedLast((...input) => all(sharedFrontends(...input))),
  };
}

/** Gives the list of before while it holds the same things. */
function createSameList(): (list: readonly Fragment[]) => readonly Fragment[] {
  let before: readonly Fragment[] = [];
  return (list) => {
    if (list.length !== before.length || list.some((one, at) => one !== before[at])) before = list;
    return before;
  };
}

/** All of it, or the first failure. */
function all(sections: Iterable<Result<Fragment, TemplateFailure>>): Made {
  const made: Fragment[] = [];
  for (const section of sections) {
    if (!section.ok) return section;
    made.push(section.value);
  }
  return ok(made);
}

const firstPlaces = rememberedLast((names: readonly string[]): ReadonlyMap<string, number> => {
  const places = new Map<string, number>();
  for (const [at, name] of names.entries()) if (!places.has(name)) places.set(name, at);
  return places;
});

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
  for (const [name, at] of firstPlaces(names)) {
    const first = backends[at];
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
