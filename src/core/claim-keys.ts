import type { PathMatch } from './path-match.ts';
import { prefixKey } from './path-match.ts';
import type { BindAddress } from './settings.ts';
import { formatBind } from './settings.ts';

/** A host with its path as a claim is remembered; a wildcard starts with its dot. Equal for paths that the maps cannot tell apart. */
export function hostKey(
  { host, path, ignoreCase }: { readonly host: string; readonly path?: string; readonly ignoreCase: boolean },
  pathMatch: PathMatch,
): string {
  const prefix = path === undefined ? '' : prefixKey({ path, ignoreCase }, pathMatch);
  return `host ${host}${prefix}${ignoreCase ? ' -i' : ''}`;
}

/** An address and port as a claim is remembered. */
export const portKey = (bind: BindAddress): string => `port ${formatBind(bind)}`;

/** A backend's name as a claim is remembered. */
export const nameKey = (backend: string): string => `backend ${backend}`;
