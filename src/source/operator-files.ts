import { dirname, resolve } from 'node:path';
import type { TemplateFailure, TemplateSources } from '../core/config.ts';
import type { DaemonEventBody } from '../core/events.ts';
import type { ChangeHint, Clock, OperatorFiles } from '../core/ports.ts';
import { ok, type Result } from '../core/result.ts';
import type { Settings } from '../core/settings.ts';
import { addSelfSigned, loadCertificates } from './certificates.ts';
import { createHintQueue } from './hint-queue.ts';
import { DEEPEST_FOLDER } from './pem-files.ts';
import { type LoadedTemplates, loadTemplates } from './templates.ts';
import { stirs, type Watch, watchPaths } from './watch.ts';

/** What operator's files touch. Times in milliseconds. */
export interface OperatorFilesParts {
  readonly settings: Pick<Settings, 'templates' | 'sslCerts' | 'stateDir' | 'httpsBind'>;
  /** The package's own `templates/` folder. */
  readonly defaults: string;
  /** Tries a set of templates; a failure refuses the whole set. */
  readonly accept: (sources: TemplateSources) => Result<unknown, TemplateFailure>;
  readonly clock: Clock;
  readonly emit: (body: DaemonEventBody) => void;
  readonly watch?: Watch;
  readonly debounceMs?: number;
  readonly recheckMs?: number;
}

/** Files that are looked at again while `changes` is followed. */
export interface WatchedFiles extends OperatorFiles {
  /** A hint for everything whenever templates or certificates in force changed, until aborted. One consumer. */
  changes(signal: AbortSignal): AsyncIterable<ChangeHint>;
}

/**
 * Reads templates and certificates. Fails only when the package's own templates are unusable: a broken override is refused
 * as a whole, and what was in force stays in force.
 */
export async function createOperatorFiles(parts: OperatorFilesParts): Promise<Result<WatchedFiles, TemplateFailure>> {
  const { settings, defaults, accept, clock, emit, watch = watchPaths, debounceMs = 250, recheckMs = 60_000 } = parts;
  const base = await loadTemplates(defaults, undefined);
  if (!base.ok) return base;
  const fits = accept(base.value.sources);
  if (!fits.ok) return fits;
  let templates: LoadedTemplates = base.value;
  let seenTemplates = '';
  let certificates = await readCertificates();

  /** Looks at the templates. True when another set is in force now. */
  async function lookAtTemplates(): Promise<boolean> {
    const loaded = await loadTemplates(defaults, settings.templates);
    const seen = JSON.stringify(loaded);
    if (seen === seenTemplates) return false;
    seenTemplates = seen;
    const verdict = loaded.ok ? accept(loaded.value.sources) : loaded;
    if (!loaded.ok || !verdict.ok) {
      if (!verdict.ok) emit({ type: 'template-refused', failure: verdict.failure });
      return false;
    }
    const changed = JSON.stringify(templates.sources) !== JSON.stringify(loaded.value.sources);
    templates = loaded.value;
    emit({ type: 'templates-loaded', overridden: templates.overridden });
    // Behind it, as that one says that all is well.
    for (const failure of loaded.value.strangers) emit({ type: 'template-refused', failure });
    return changed;
  }

  async function readCertificates() {
    const set = await loadCertificates(settings.sslCerts, clock.now());
    return settings.httpsBind.length === 0 ? set : addSelfSigned(set, settings.stateDir, clock.now());
  }

  async function lookAtCertificates(): Promise<boolean> {
    const set = await readCertificates();
    if (JSON.stringify(set) === JSON.stringify(certificates)) return false;
    certificates = set;
    emit({ type: 'certificates-loaded', certificates });
    return true;
  }

  async function* changes(signal: AbortSignal): AsyncGenerator<ChangeHint, void, void> {
    const queue = createHintQueue(clock);
    const ended = new AbortController();
    const until = AbortSignal.any([signal, ended.signal]);
    const pace = { watch, clock, debounceMs, recheckMs };
    const follow = async (folders: readonly string[], depth: number, look: () => Promise<boolean>, reason: string) => {
      if (folders.length === 0) return;
      for await (const _ of stirs({ folders, depth, ...pace }, until)) if (await look()) queue.push('all', reason);
    };
    const { folders } = certificates;
    const others = settings.sslCerts.map((path) => resolve(path)).filter((path) => !folders.includes(path));
    const running = [
      follow(settings.templates === undefined ? [] : [settings.templates], 1, lookAtTemplates, 'templates'),
      follow(folders, DEEPEST_FOLDER, lookAtCertificates, 'certificates'),
      follow([...new Set(others.map((path) => dirname(path)))], 0, lookAtCertificates, 'certificates'),
    ];
    try {
      yield* queue.take(signal);
    } finally {
      ended.abort();
      await Promise.allSettled(running);
    }
  }

  await lookAtTemplates();
  emit({ type: 'certificates-loaded', certificates });
  return ok({ templates: () => templates.sources, certificates: () => certificates, changes });
}
