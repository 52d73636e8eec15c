import type { RenderedConfig } from './config.ts';

/** Why HAProxy must be reloaded: one reason per differing section or file. */
export type ReloadReason =
  | { readonly because: 'first-configuration' | 'running-unknown' }
  | { readonly because: 'section-added' | 'section-removed' | 'section-changed'; readonly section: string }
  | { readonly because: 'file-changed'; readonly file: string };

/** What will happen to HAProxy, before it does. No reasons: nothing to do. */
export interface ApplyPlan {
  readonly reload: readonly ReloadReason[];
}

/** What HAProxy is known to run: the files of its worker's generation, or nothing certain. */
export type Running = { readonly known: false } | { readonly known: true; readonly config: RenderedConfig };
