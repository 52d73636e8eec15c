import type { LineOwner, RenderedConfig } from './config.ts';
import { createTextDigest, filesDigest } from './digest.ts';
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
  readonly fragments: readonly Fragment[];
  /** The other files. The same list where a file is what it was in the configuration before. */
  readonly others: ReadonlyMap<string, Pieces>;
}

/** Puts configurations together; it costs what is different from the one before. */
export type ConfigMaker = (
  fragments: readonly Fragment[],
  table: RoutingTable,
  certificateList: string,
  pathMatch: PathMatch,
) => RenderedConfig;

/** Nothing put together yet. */
export function createConfigMaker(): ConfigMaker {
  const texts = createListMaker(({ text }: Fragment) => text);
  const mainDigest = createTextDigest();
  const listDigest = createTextDigest();
  let maps: { readonly pathMatch: PathMatch; readonly files: MapFiles } | undefined;
  let certificates: Pieces = [];
  return (fragments, table, certificateList, pathMatch) => {
    if (maps?.pathMatch !== pathMatch) maps = { pathMatch, files: createMapFiles(pathMatch) };
    if (certificates.join('') !== certificateList) certificates = linesOf(certificateList);
    const files = [...maps.files(table)];
    const digest = filesDigest(
      new Map([
        ['haproxy.cfg', mainDigest(texts(fragments))],
        [CERTIFICATE_LIST, listDigest(certificates)],
        ...files.map(([name, file]) => [name, file.digest] as const),
      ]),
    );
    const others = new Map([
      [CERTIFICATE_LIST, certificates],
      ...files.map(([name, { lines }]) => [name, lines] as const),
    ]);
    return lazyConfig({ table, pathMatch, fragments, others }, digest);
  };
}

const linesOf = (text: string): Pieces => (text === '' ? [] : text.split(/(?<=\n)/));

const partsBy = new WeakMap<RenderedConfig, ConfigParts>();

/** What a configuration was made of in this life; undefined for one that was read back from disk. */
export const partsOf = (config: RenderedConfig): ConfigParts | undefined => partsBy.get(config);

/** The files in pieces that only need to be joined, for writing them without holding all of it in one text. */
export function filePieces(config: RenderedConfig): ReadonlyMap<string, Iterable<string>> {
  const parts = partsBy.get(config);
  if (parts === undefined) return new Map([...config.files].map(([name, text]) => [name, [text]]));
  return new Map<string, Iterable<string>>([['haproxy.cfg', texts(parts.fragments)], ...parts.others]);
}

/** `owners` one after the other, without a list of them. */
export function eachOwner(config: RenderedConfig): Iterable<LineOwner> {
  const parts = partsBy.get(config);
  return parts === undefined ? config.owners : ownersOf(parts.fragments);
}

function* texts(fragments: readonly Fragment[]): Generator<string> {
  for (const { text } of fragments) yield text;
}

/** Texts are joined when somebody asks for them: most configurations are only compared, and followed before they are written. */
function lazyConfig(parts: ConfigParts, digest: string): RenderedConfig {
  let files: ReadonlyMap<string, string> | undefined;
  let owners: readonly LineOwner[] | undefined;
  const config: RenderedConfig = {
    get files() {
      files ??= new Map([
        ['haproxy.cfg', parts.fragments.map(({ text }) => text).join('')],
        ...[...parts.others].map(([name, pieces]) => [name, pieces.join('')] as const),
      ]);
      return files;
    },
    get owners() {
      owners ??= [...ownersOf(parts.fragments)];
      return owners;
    },
    digest,
  };
  partsBy.set(config, parts);
  return config;
}

function* ownersOf(fragments: readonly Fragment[]): Generator<LineOwner> {
  let from = 1;
  for (const { lines, origin, section } of fragments) {
    yield { from, to: from + lines - 1, origin, section };
    from += lines;
  }
}
