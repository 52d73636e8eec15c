import type { RenderedConfig } from './config.ts';
import { partsOf } from './lazy-config.ts';
import { commonEnds } from './list-maker.ts';
import { inOrderOfWeight, type ReloadReason } from './reload-reason.ts';

/** What will happen to HAProxy, before it does. No reasons: nothing to do. Of several the first is the main one. */
export interface ApplyPlan {
  readonly reload: readonly ReloadReason[];
}

/** A reload for these reasons, the weightiest first; at most `MAX_RELOAD_REASONS` are named. */
export const planReload = (reasons: readonly ReloadReason[]): ApplyPlan => ({
  reload: inOrderOfWeight(reasons).slice(0, MAX_RELOAD_REASONS),
});

/** What HAProxy is known to run: the files of its worker's generation, or nothing certain. */
export type Running =
  | {
      readonly known: false;
      /** HAProxy has never run a configuration here: the next one is the first. */
      readonly nothingYet?: true;
    }
  | { readonly known: true; readonly config: RenderedConfig };

/** Reasons named in one plan, at most: a plan is read by people. */
export const MAX_RELOAD_REASONS = 50;

const MAIN_FILE = 'haproxy.cfg';

/**
 * Compares what runs with what should run. Equal digests need nothing; every difference is a reason to reload, named by
 * section of haproxy.cfg or by file (at most `MAX_RELOAD_REASONS`). Safe by construction: a difference that belongs to no
 * section names its file, so none is ever missed.
 */
export function planApply(running: Running, config: RenderedConfig): ApplyPlan {
  if (!running.known) {
    return { reload: [{ because: running.nothingYet ? 'first-configuration' : 'running-unknown' }] };
  }
  if (running.config.digest === config.digest) return { reload: [] };
  const reasons = [...sectionReasons(running.config, config), ...fileReasons(running.config, config)];
  if (reasons.length === 0) reasons.push({ because: 'file-changed', file: MAIN_FILE });
  return { reload: reasons.slice(0, MAX_RELOAD_REASONS) };
}

function sectionReasons(before: RenderedConfig, after: RenderedConfig): ReloadReason[] {
  const [old, now] = differingSections(before, after);
  if (old.size === 0 && now.size === 0) return [];
  const reasons: ReloadReason[] = [];
  for (const [section, text] of now) {
    const was = old.get(section);
    if (was === undefined) reasons.push({ because: 'section-added', section });
    else if (was !== text) reasons.push({ because: 'section-changed', section });
  }
  for (const section of old.keys()) {
    if (!now.has(section)) reasons.push({ because: 'section-removed', section });
  }
  if (reasons.length === 0) reasons.push({ because: 'file-changed', file: MAIN_FILE });
  return reasons;
}

type SectionTexts = ReadonlyMap<string, string>;

/** The sections of both, without those at the beginning and at the end that are the same; none when all are. */
function differingSections(before: RenderedConfig, after: RenderedConfig): readonly [SectionTexts, SectionTexts] {
  const [was, is] = [partsOf(before)?.lists, partsOf(after)?.lists];
  if (was === undefined || is === undefined) {
    const same = before.files.get(MAIN_FILE) === after.files.get(MAIN_FILE);
    return same ? [new Map(), new Map()] : [sectionTexts(before), sectionTexts(after)];
  }
  const [old, now] = [new Map<string, string>(), new Map<string, string>()];
  for (let at = 0; at < Math.max(was.length, is.length); at++) {
    const [before, after] = [was[at] ?? [], is[at] ?? []];
    if (before === after) continue;
    const { head, tail } = commonEnds(before, after);
    for (const { section, text } of before.slice(head, before.length - tail)) old.set(section, text);
    for (const { section, text } of after.slice(head, after.length - tail)) now.set(section, text);
  }
  return [old, now];
}

function fileReasons(before: RenderedConfig, after: RenderedConfig): ReloadReason[] {
  const [was, is] = [partsOf(before)?.others, partsOf(after)?.others];
  const names = new Set([...(was ?? before.files).keys(), ...(is ?? after.files).keys()]);
  names.delete(MAIN_FILE);
  const isSame = (file: string): boolean => {
    if (was === undefined || is === undefined) return before.files.get(file) === after.files.get(file);
    return was.get(file) === is.get(file) || was.get(file)?.join('') === is.get(file)?.join('');
  };
  return [...names]
    .filter((file) => !isSame(file))
    .sort()
    .map((file) => ({ because: 'file-changed', file }));
}

/** Each section's text; the parts of a section with several owners are joined in order. */
function sectionTexts(config: RenderedConfig): SectionTexts {
  const lines = (config.files.get(MAIN_FILE) ?? '').split('\n');
  const texts = new Map<string, string>();
  for (const owner of config.owners) {
    const text = lines.slice(owner.from - 1, owner.to).join('\n');
    texts.set(owner.section, `${texts.get(owner.section) ?? ''}${text}\n`);
  }
  return texts;
}
