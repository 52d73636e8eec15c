import type { Settings } from './settings.ts';

/** How paths are compared on this node (`--path-match`). */
export type PathMatch = Settings['pathMatch'];

/**
 * A prefix as the maps hold it: lower-cased where its case does not matter, and ending in exactly one slash where only whole
 * segments may match. Prefixes that give the same text are the same prefix.
 */
export function prefixKey(
  { path, ignoreCase }: { readonly path: string; readonly ignoreCase: boolean },
  pathMatch: PathMatch,
): string {
  const cased = ignoreCase ? path.toLowerCase() : path;
  return pathMatch === 'segment' ? `${withoutSlashes(cased)}/` : cased;
}

/** A request's path as it is looked up among `-i` prefixes or the others: it starts with the `prefixKey` of every row that matches. */
export function pathKey(path: string, ignoreCase: boolean, pathMatch: PathMatch): string {
  const cased = ignoreCase ? path.toLowerCase() : path;
  return pathMatch === 'segment' ? `${cased}/` : cased;
}

function withoutSlashes(path: string): string {
  let end = path.length;
  while (path[end - 1] === '/') end -= 1;
  return path.slice(0, end);
}
