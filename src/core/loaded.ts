import type { RenderedConfig } from './config.ts';
import { MAP_FILES, type MapFile } from './maps.ts';
import type { Backend, BackendName, Profile, RoutingTable, ServiceFrontend } from './routing.ts';
import type { Tier } from './runtime.ts';
import type { Shape, Shapes } from './shapes.ts';
import { sameShape } from './shapes.ts';
import type { Reserve, Spare } from './spares.ts';
import { fitsSpare, isSpareName, profileBackend, spareOf, sparesAmong } from './spares.ts';
import { backendNamed } from './table-diff.ts';
import { CERTIFICATE_LIST, profileName, userlistName } from './template-views.ts';

/** The configuration that the worker read when it started, in the parts that decide what can be done to it without a reload. */
export interface Loaded {
  /** Names of the backends that it holds, spares too. */
  backends(): Iterable<BackendName>;
  /** The shape of a backend that it holds; spares are not among them. */
  shapeOf(name: BackendName): Shape | undefined;
  /** The text of a named `defaults` section: a backend can be made from it (tier A). */
  profileText(profile: string): string | undefined;
  /** The text of the frontend of a service port, by the service's name. */
  serviceText(name: BackendName): string | undefined;
  readonly spares: ReadonlyMap<BackendName, Spare>;
  /** `PartsRenderer.fixedSections` of its time. */
  readonly fixed: ReadonlyMap<string, string>;
  /** Maps that something looks up. HAProxy does not know the other ones, and nobody misses their rows. */
  readonly maps: ReadonlySet<MapFile>;
  /** What is not as it was loaded any more. */
  readonly dynamic: DynamicBackends;
}

/** What has become of the backends of a running configuration over its socket. Nothing, below tier A. */
export interface DynamicBackends {
  /** They were made over the socket and are there, with the names of the profiles that they were made from. */
  readonly made: ReadonlyMap<BackendName, string>;
  /** What the configuration says of backends of these names is gone. */
  readonly deleted: ReadonlySet<BackendName>;
  /** Unpublished, and there until nothing is attached to them or their servers any more. */
  readonly closed: ReadonlySet<BackendName>;
}

/** Right after a start or a reload. */
export const NO_DYNAMIC_BACKENDS: DynamicBackends = { made: new Map(), deleted: new Set(), closed: new Set() };

/** The configuration that was rendered from a table in this life. */
export function loadedTable(
  table: RoutingTable,
  shapes: Shapes,
  reserves: readonly Reserve[],
  fixed: ReadonlyMap<string, string>,
): Loaded {
  const services = new Map<BackendName, ServiceFrontend>(
    table.services.flatMap((service) => (service.inRange === undefined ? [[service.name, service]] : [])),
  );
  const profiles = profileTexts(table, shapes, reserves);
  return {
    backends: () => [...table.backends.map(({ name }) => name), ...sparesAmong(reserves).map(({ name }) => name)],
    shapeOf(name) {
      const backend = backendNamed(table, name);
      return backend === undefined ? undefined : shapes.shapeOf(backend);
    },
    profileText: (profile) => profiles.get(profile),
    serviceText(name) {
      const service = services.get(name);
      return service === undefined ? undefined : shapes.serviceText(service);
    },
    spares: byName(sparesAmong(reserves)),
    fixed,
    maps: mapsIn([...fixed.values(), ...profiles.values()]),
    dynamic: NO_DYNAMIC_BACKENDS,
  };
}

/** A configuration of an earlier life, read from its own text. */
export function loadedConfig(config: RenderedConfig): Loaded {
  const sections = readSections(config);
  const fixed = new Map(
    [...sections].filter(
      ([section]) => section === 'defaults base' || !/^(?:backend|defaults|userlist) /.test(section),
    ),
  );
  const services = new Map<string, string>();
  for (const [section, text] of fixed) {
    const name = /^frontend (.+_\d+)_in$/.exec(section)?.[1];
    if (name === undefined) continue;
    services.set(name, text);
    fixed.delete(section);
  }
  fixed.set(CERTIFICATE_LIST, config.files.get(CERTIFICATE_LIST) ?? '');
  const profileOf = (name: string): string =>
    /^backend \S+ from (\S+)/.exec(sections.get(`backend ${name}`) ?? '')?.[1] ?? '';
  const spares: Spare[] = [];
  for (const section of sections.keys()) {
    const name = section.slice('backend '.length);
    if (!section.startsWith('backend ') || !isSpareName(name)) continue;
    const spare = spareOf(name, profileOf(name));
    if (spare !== undefined) spares.push(spare);
  }
  return {
    backends: () =>
      [...sections.keys()].flatMap((section) =>
        section.startsWith('backend ') ? [section.slice('backend '.length) as BackendName] : [],
      ),
    shapeOf(name) {
      const section = sections.get(`backend ${name}`);
      if (section === undefined || isSpareName(name)) return undefined;
      const own =
        (sections.get(`userlist ${userlistName({ name })}`) ?? '') + section.replace(/^[ \t]*server[ \t].*\n/gm, '');
      return { own, profile: sections.get(`defaults ${profileOf(name)}`) ?? '' };
    },
    profileText: (profile) => sections.get(`defaults ${profile}`),
    serviceText: (name) => services.get(name),
    spares: byName(spares),
    fixed,
    maps: mapsIn([config.files.get('haproxy.cfg') ?? '']),
    dynamic: NO_DYNAMIC_BACKENDS,
  };
}

const mapsIn = (texts: readonly string[]): ReadonlySet<MapFile> =>
  new Set(MAP_FILES.filter((map) => texts.some((text) => text.includes(map))));

/** The texts of all profiles by their names. */
function profileTexts(table: RoutingTable, shapes: Shapes, reserves: readonly Reserve[]): ReadonlyMap<string, string> {
  const profiles = new Map([...table.backends, ...reserves].map(({ profile }) => [profileName(profile), profile]));
  return new Map(
    [...profiles].flatMap(([name, profile]) => {
      const text = shapes.shapeOf(profileBackend(profile))?.profile;
      return text === undefined ? [] : [[name, text]];
    }),
  );
}

/**
 * Whether a backend of the running configuration can carry this one, which has its name already: `unknown` where there is none
 * of that name, `makes` where one can be made, `changed` where it has other text.
 */
export function carries(
  loaded: Loaded,
  backend: Backend,
  shapes: Shapes,
  tier: Tier,
): 'carries' | 'makes' | 'changed' | 'unknown' {
  const spare = loaded.spares.get(backend.name);
  if (spare !== undefined) {
    return fitsSpare(spare.profile, backend.profile, tier, shapes) && shapes.isPlain(backend) ? 'carries' : 'changed';
  }
  const { made, deleted } = loaded.dynamic;
  const profile = made.get(backend.name);
  if (profile !== undefined) {
    return profile === profileName(backend.profile) && canMake(loaded, backend, shapes, tier) ? 'carries' : 'changed';
  }
  const shape = deleted.has(backend.name) ? undefined : loaded.shapeOf(backend.name);
  if (shape === undefined) return canMake(loaded, backend, shapes, tier) ? 'makes' : 'unknown';
  return sameShape(shape, shapes.shapeOf(backend)) ? 'carries' : 'changed';
}

/** HAProxy's longest GUID is 127 characters, and ours is a profile and a few more. */
const LONGEST_PROFILE = 100;

/**
 * Whether `add backend` can make it: it is its profile, that profile is loaded as the templates of now make it, and servers can be
 * added to what comes of it.
 */
export function canMake(loaded: Loaded, backend: Backend, shapes: Shapes, tier: Tier): boolean {
  if (tier !== 'A' || !takesServers(backend.profile) || !shapes.isBare(backend)) return false;
  const name = profileName(backend.profile);
  return name.length <= LONGEST_PROFILE && loaded.profileText(name) === shapes.shapeOf(backend)?.profile;
}

/** HAProxy spreads requests by a table that it computes when it starts. */
const takesServers = ({ balance }: Profile): boolean => balance !== 'static-rr';

const byName = (spares: readonly Spare[]): ReadonlyMap<BackendName, Spare> =>
  new Map(spares.map((spare) => [spare.name, spare]));

/** The text of every section of haproxy.cfg by its name. */
function readSections(config: RenderedConfig): ReadonlyMap<string, string> {
  const lines = (config.files.get('haproxy.cfg') ?? '').split('\n');
  const sections = new Map<string, string>();
  for (const { section, from, to } of config.owners) {
    sections.set(section, `${sections.get(section) ?? ''}${lines.slice(from - 1, to).join('\n')}\n`);
  }
  return sections;
}
