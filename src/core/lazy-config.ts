import type { LineOwner, RenderedConfig } from './config.ts';
import { createTextDigest, filesDigest, joinedDigest } from './digest.ts';
import type { Fragment } from './fragment.ts';
import { createListMaker } from './list-maker.ts';
import { createMapFiles, type MapFiles } from './map-files.ts';
import type { PathMatch } from './path-match.ts';
import type { RoutingTable } from './routing.ts';
import { CERTIFICATE_LIST } from './template-views.ts';

/** A file as pieces that only need to be joined. */
type Pieces = readonly string[];

/** What a configuration was made of. */
export interface ConfigParts {
  readonly table: RoutingTable;
  readonly pathMatch: PathMatch;
  /** The sections of haproxy.cfg in lists that stand one behind the other; always as many, and each the same while it says the same. */
  readonly lists: readonly (readonly Fragment[])[];
  /** The other files. The same list where a file is what it was in the configuration before. */
  readonly others: ReadonlyMap<string, Pieces>;
}

/** Puts configurations together; it costs what is different from the one before. */
export type ConfigMaker = (
  lists: readonly (readonly Fragment[])[],
  table: RoutingTable,
  certificateList: string,
  pathMatch: PathMatch,
) => RenderedConfig;

/** Nothing put together yet. */
export function createConfigMaker(): ConfigMaker {
  const digests: ((fragments: readonly Fragment[]) => Uint8Array)[] = [];
  const listDigest = createTextDigest();
  let maps: { readonly pathMatch: PathMatch; readonly files: MapFiles } | undefined;
  let certificates: Pieces = [];
  const mainDigest = (lists: readonly (readonly Fragment[])[]): Uint8Array => {
    while (digests.length < lists.length) digests.push(createSectionsDigest());
    return joinedDigest(lists.flatMap((list, at) => digests[at]?.(list) ?? []));
  };
  return (lists, table, certificateList, pathMatch) => {
    if (maps?.pathMatch !== pathMatch) maps = { pathMatch, files: createMapFiles(pathMatch) };
    if (certificates.join('') !== certificateList) certificates = linesOf(certificateList);
    const files = [...maps.files(table)];
    const digest = filesDigest(
      new Map([
        ['haproxy.cfg', mainDigest(lists)],
        [CERTIFICATE_LIST, listDigest(certificates)],
        ...files.map(([name, file]) => [name, file.digest] as const),
      ]),
    );
    const others = new Map([
      [CERTIFICATE_LIST, certificates],
      ...files.map(([name, { lines }]) => [name, lines] as const),
    ]);
    return lazyConfig({ table, pathMatch, lists, others }, digest);
  };
}

/** The digest of a list of sections. */
function createSectionsDigest(): (fragments: readonly Fragment[]) => Uint8Array {
  const texts = createListMaker(({ text }: Fragment) => text);
  const digest = createTextDigest();
  return (fragments) => digest(texts(fragments));
}

const linesOf = (text: string): Pieces => (text === '' ? [] : text.split(/(?<=\n)/));

const partsBy = new WeakMap<RenderedConfig, ConfigParts>();

/** What a configuration was made of in this life; undefined for one that was read back from disk. */
export const partsOf = (config: RenderedConfig): ConfigParts | undefined => partsBy.get(config);

/** The files in pieces that only need to be joined, for writing them without holding all of it in one text. */
export function filePieces(config: RenderedConfig): ReadonlyMap<string, Iterable<string>> {
  const parts = partsBy.get(config);
  if (parts === undefined) return new Map([...config.files].map(([name, text]) => [name, [text]]));
  return new Map<string, Iterable<string>>([['haproxy.cfg', texts(parts.lists)], ...parts.others]);
}

/** `owners` one after the other, without a list of them. */
export function eachOwner(config: RenderedConfig): Iterable<LineOwner> {
  const parts = partsBy.get(config);
  return parts === undefined ? config.owners : ownersOf(parts.lists);
}

function* texts(lists: ConfigParts['lists']): Generator<string> {
  for (const list of lists) for (const { text } of list) yield text;
}

/** Texts are joined when somebody asks for them: most configurations are only compared, and followed before they are written. */
function lazyConfig(parts: ConfigParts, digest: string): RenderedConfig {
  let files: ReadonlyMap<string, string> | undefined;
  let owners: readonly LineOwner[] | undefined;
  const config: RenderedConfig = {
    get files() {
      files ??= new Map([
        ['haproxy.cfg', [...texts(parts.lists)].join('')],
        ...[...parts.others].map(([name, pieces]) => [name, pieces.join('')] as const),
      ]);
      return files;
    },
    get owners() {
      owners ??= [...ownersOf(parts.lists)];
      return owners;
    },
    digest,
  };
  partsBy.set(config, parts);
  return config;
}

function* ownersOf(lists: ConfigParts['lists']): Generator<LineOwner> {
  let from = 1;
  for (const list of lists) {
    for (const { lines, origin, section } of list) {
      yield { from, to: from + lines - 1, origin, section };
      from += lines;
    }
  }
}
