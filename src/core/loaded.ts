import type { RenderedConfig } from './config.ts';
import { MAP_FILES, type MapFile } from './maps.ts';
import type { Backend, BackendName, RoutingTable, ServiceFrontend } from './routing.ts';
import type { Tier } from './runtime.ts';
import type { Shape, Shapes } from './shapes.ts';
import { sameShape } from './shapes.ts';
import type { Spare } from './spares.ts';
import { bareBackend, fitsSpare, isSpareName, spareOf } from './spares.ts';
import { backendNamed } from './table-diff.ts';
import { CERTIFICATE_LIST, profileName, userlistName } from './template-views.ts';

/** The configuration that the worker read when it started, in the parts that decide what can be done to it without a reload. */
export interface Loaded {
  /** The shape of a backend that it holds; spares are not among them. */
  shapeOf(name: BackendName): Shape | undefined;
  /** The text of the frontend of a service port, by the service's name. */
  serviceText(name: BackendName): string | undefined;
  readonly spares: ReadonlyMap<BackendName, Spare>;
  /** `PartsRenderer.fixedSections` of its time. */
  readonly fixed: ReadonlyMap<string, string>;
  /** Maps that something looks up. HAProxy does not know the other ones, and nobody misses their rows. */
  readonly maps: ReadonlySet<MapFile>;
}

/** The configuration that was rendered from a table in this life. */
export function loadedTable(
  table: RoutingTable,
  shapes: Shapes,
  spares: readonly Spare[],
  fixed: ReadonlyMap<string, string>,
): Loaded {
  const services = new Map<BackendName, ServiceFrontend>(
    table.services.flatMap((service) => (service.inRange === undefined ? [[service.name, service]] : [])),
  );
  return {
    shapeOf(name) {
      const backend = backendNamed(table, name);
      return backend === undefined ? undefined : shapes.shapeOf(backend);
    },
    serviceText(name) {
      const service = services.get(name);
      return service === undefined ? undefined : shapes.serviceText(service);
    },
    spares: byName(spares),
    fixed,
    maps: mapsIn([...fixed.values(), ...profileTexts(table, shapes, spares)]),
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
    shapeOf(name) {
      const section = sections.get(`backend ${name}`);
      if (section === undefined || isSpareName(name)) return undefined;
      const own =
        (sections.get(`userlist ${userlistName({ name })}`) ?? '') + section.replace(/^[ \t]*server[ \t].*\n/gm, '');
      return { own, profile: sections.get(`defaults ${profileOf(name)}`) ?? '' };
    },
    serviceText: (name) => services.get(name),
    spares: byName(spares),
    fixed,
    maps: mapsIn([config.files.get('haproxy.cfg') ?? '']),
  };
}

const mapsIn = (texts: readonly string[]): ReadonlySet<MapFile> =>
  new Set(MAP_FILES.filter((map) => texts.some((text) => text.includes(map))));

function profileTexts(table: RoutingTable, shapes: Shapes, spares: readonly Spare[]): readonly string[] {
  const profiles = new Map([...table.backends, ...spares].map((of) => [profileName(of.profile), of]));
  return [...profiles.values()].flatMap((of) => shapes.shapeOf(bareBackend(of))?.profile ?? []);
}

/**
 * Whether a backend of the running configuration can carry this one, which has its name already: `unknown` where there is none
 * of that name, `changed` where it has other text.
 */
export function carries(
  loaded: Loaded,
  backend: Backend,
  shapes: Shapes,
  tier: Tier,
): 'carries' | 'changed' | 'unknown' {
  const spare = loaded.spares.get(backend.name);
  if (spare !== undefined) {
    return fitsSpare(spare.profile, backend.profile, tier) && shapes.isPlain(backend) ? 'carries' : 'changed';
  }
  const shape = loaded.shapeOf(backend.name);
  if (shape === undefined) return 'unknown';
  return sameShape(shape, shapes.shapeOf(backend)) ? 'carries' : 'changed';
}

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
