import type { Instant, Snapshot } from '../core/app.ts';
import { buildRoutingTable } from '../core/build.ts';
import type { CertificateSet } from '../core/certificates.ts';
import type { RenderedConfig, TemplateFailure, TemplateSources } from '../core/config.ts';
import { NO_MEMORY } from '../core/memory.ts';
import type { Checked, Problem } from '../core/problem.ts';
import { createRenderer } from '../core/render.ts';
import { ok, type Result } from '../core/result.ts';
import type { RoutingTable } from '../core/routing.ts';
import type { Settings } from '../core/settings.ts';
import { appList, parseSnapshot, type SnapshotUnreadable, wantedHosts } from '../core/snapshot.ts';

/** Reads a saved answer of Marathon; agents that go by a name are looked up, all at once. Older definitions are not at hand. */
export async function readSavedApps(
  json: unknown,
  now: number,
  resolveHost: (host: string) => Promise<string | undefined>,
): Promise<Result<Checked<Snapshot>, SnapshotUnreadable>> {
  const list = appList(json);
  if (!list.ok) return list;
  const found = await Promise.all(
    wantedHosts(list.value).map(async (host) => [host, await resolveHost(host)] as const),
  );
  const addresses = new Map(found);
  return parseSnapshot(json, now as Instant, {
    definition: () => undefined,
    address: (host) => addresses.get(host),
  });
}

/** What was rendered, and from what. */
export interface OfflineRender {
  readonly table: RoutingTable;
  readonly config: RenderedConfig;
  readonly problems: readonly Problem[];
}

/** The whole way from a snapshot to a configuration that is loaded from its own folder. */
export function renderOffline(
  snapshot: Checked<Snapshot>,
  settings: Settings,
  templates: TemplateSources,
  certificates: CertificateSet,
): Result<OfflineRender, TemplateFailure> {
  const renderer = createRenderer(templates);
  if (!renderer.ok) return renderer;
  const built = buildRoutingTable(snapshot.value, settings, certificates, NO_MEMORY);
  const place = { runtimeSocket: 'haproxy.sock', stateFile: 'server-state' };
  const config = renderer.value.render(built.value, settings, certificates, place);
  if (!config.ok) return config;
  return ok({ table: built.value, config: config.value, problems: [...snapshot.problems, ...built.problems] });
}
