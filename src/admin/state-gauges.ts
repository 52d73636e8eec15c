import { setImmediate } from 'node:timers/promises';
import { Gauge, type Registry } from 'prom-client';
import type { App } from '../core/app.ts';
import { DISK_USES } from '../core/disk.ts';
import type { ReloadHold } from '../core/events.ts';
import type { Problem } from '../core/problem.ts';
import { appOf } from '../core/problem.ts';
import { rememberedLast } from '../core/remembered.ts';
import { countRoutes } from '../core/routes-view.ts';
import type { Backend } from '../core/routing.ts';
import { desiredGeneration, discoveryMode, type State, snapshotAge } from '../core/state.ts';

const EFFECTS: readonly Problem['effect'][] = ['notice', 'value-ignored', 'route-refused', 'app-excluded'];

const HOLDS: readonly ReloadHold['because'][] = ['budget', 'old-workers', 'memory'];

/** Gauges that show the present: they are set from the state each time metrics are asked for. */
export function createStateGauges(
  registry: Registry,
  endpoints: readonly string[],
): { readonly set: (state: State, now: number) => Promise<void> } {
  const gauge = <L extends string>(name: string, help: string, labelNames: readonly L[] = []) =>
    new Gauge<L>({ name, help, labelNames: [...labelNames], registers: [registry] });
  const up = gauge(
    'portolan_marathon_up',
    '1 when the newest request to this master succeeded; NaN while it was not needed',
    ['endpoint'],
  );
  const lastByte = gauge(
    'portolan_stream_last_byte_timestamp_seconds',
    'When the event stream last gave a sign of life',
  );
  const mode = gauge('portolan_discovery_mode', '1 for the way in which changes arrive', ['mode']);
  const age = gauge('portolan_snapshot_age_seconds', 'Age of the newest answer of the source; NaN before the first');
  const apps = gauge('portolan_apps', 'Apps by what becomes of them', ['state']);
  const routes = gauge('portolan_routes', 'Routes by whether the worker has them', ['state']);
  const findings = gauge('portolan_label_findings', 'Problems of the present table by what they cost', ['severity']);
  const quarantined = gauge('portolan_quarantined_apps', 'Apps that HAProxy refused');
  const lastGood = gauge(
    'portolan_quarantine_last_good',
    'Apps that HAProxy refused and whose last good form serves on',
  );
  const generation = gauge('portolan_generation', 'Generation that should run');
  const loaded = gauge('portolan_generation_loaded', 'Generation read back from the worker in charge');
  const loadedAt = gauge('portolan_generation_loaded_timestamp_seconds', 'When the worker in charge loaded it');
  const lastApply = gauge('portolan_last_apply_success', '0 while a wanted configuration cannot be made to run');
  const haproxyUp = gauge('portolan_haproxy_up', '1 when HAProxy runs');
  const workers = gauge('portolan_haproxy_workers', 'HAProxy workers', ['state']);
  const oldMemory = gauge(
    'portolan_haproxy_old_workers_memory_bytes',
    'Memory that old workers have to themselves; NaN where it cannot be seen',
  );
  const heldReload = gauge('portolan_reload_held', '1 while a reload has to wait for this', ['because']);
  const spares = gauge('portolan_spares', 'Spare backends of the running configuration', ['kind', 'check', 'state']);
  const certificates = gauge('portolan_cert_not_after_seconds', 'When a certificate ends', ['cert']);
  const guarded = gauge(
    'portolan_guard_held',
    'Routes that serve on although the newest answer of Marathon lacks them',
  );

  const held = gauge('portolan_listeners_held', 'Addresses that wait until they can be listened on');
  const foreign = gauge('portolan_foreign_listeners', 'Others that listen where HAProxy does');

  const disk = gauge('portolan_disk_failing', '1 while the disk does not take this', ['what']);

  const peerUp = gauge('portolan_peer_up', '1 when another edge told what it holds when it was last asked', ['peer']);
  const conflicts = gauge('portolan_claim_conflicts', 'Names that another edge gives to somebody else');

  const setOutside = (state: State, now: number): void => {
    for (const endpoint of endpoints) up.set({ endpoint }, Number.NaN);
    for (const [endpoint, master] of state.masters) up.set({ endpoint }, master.outcome === 'ok' ? 1 : 0);
    lastByte.set((state.stream.lastByteAt ?? 0) / 1000);
    for (const word of ['sse', 'poll', 'file']) mode.set({ mode: word }, discoveryMode(state) === word ? 1 : 0);
    age.set((snapshotAge(state, now) ?? Number.NaN) / 1000);
    guarded.set(state.guard?.lost ?? 0);
    peerUp.reset();
    for (const { url, reachable } of state.peers) peerUp.set({ peer: url }, reachable ? 1 : 0);
    conflicts.set(state.claimConflicts.length);
    certificates.reset();
    for (const { path, notAfter } of state.certificates.usable) {
      certificates.set({ cert: path }, Date.parse(notAfter) / 1000);
    }
  };
  const setRouting = async (state: State): Promise<void> => {
    const found = problemCounts(state.problems);
    await setImmediate();
    for (const [word, count] of Object.entries(appCounts(state.snapshot?.apps, state.table?.backends, found.excluded)))
      apps.set({ state: word }, count);
    await setImmediate();
    for (const [word, count] of Object.entries(countRoutes(state))) routes.set({ state: word }, count);
    for (const severity of EFFECTS) findings.set({ severity }, found.effects.get(severity) ?? 0);
    quarantined.set(found.quarantined.size);
    lastGood.set([...found.quarantined].filter((app) => !found.excluded.has(app)).length);
    await setImmediate();
  };
  const setHaproxy = (state: State): void => {
    generation.set(desiredGeneration(state) ?? state.written?.generation ?? 0);
    loaded.set(state.running?.generation ?? 0);
    loadedAt.set((state.running?.since ?? 0) / 1000);
    lastApply.set(state.applyFailing === undefined ? 1 : 0);
    const isUp = state.haproxy?.up === true && state.haproxyDown === undefined;
    haproxyUp.set(isUp ? 1 : 0);
    workers.set({ state: 'current' }, isUp ? 1 : 0);
    workers.set({ state: 'old' }, state.haproxy?.oldWorkers ?? 0);
    held.set(state.heldListeners.length);
    foreign.set(state.foreignListeners.length);
    oldMemory.set(state.haproxy?.oldWorkersMemory ?? Number.NaN);
    for (const what of DISK_USES) disk.set({ what }, state.diskFailing.has(what) ? 1 : 0);
    for (const because of HOLDS) heldReload.set({ because }, state.reloadHeld?.because === because ? 1 : 0);
    spares.reset();
    for (const { kind, check, used, emptying, free } of state.spares) {
      for (const [word, count] of Object.entries({ used, emptying, free })) {
        spares.set({ kind, check, state: word }, count);
      }
    }
  };
  return {
    async set(state, now) {
      // What is as large as the cluster is counted first, and in turns; the rest of what is told is then of one moment.
      await setRouting(state);
      setOutside(state, now);
      setHaproxy(state);
    },
  };
}

/** What the problems come to. They are as many as the cluster is large, and mostly those of the time before. */
const problemCounts = rememberedLast((problems: readonly Problem[]) => {
  const effects = new Map<Problem['effect'], number>();
  const [excluded, quarantined] = [new Set<string>(), new Set<string>()];
  for (const { effect, code, origin } of problems) {
    effects.set(effect, (effects.get(effect) ?? 0) + 1);
    if (effect !== 'app-excluded' && code !== 'Quarantined') continue;
    const app = appOf(origin);
    if (app !== undefined && effect === 'app-excluded') excluded.add(app);
    if (app !== undefined && code === 'Quarantined') quarantined.add(app);
  }
  return { effects, excluded, quarantined };
});

const appCounts = rememberedLast(
  (all: readonly App[] = [], backends: readonly Backend[] = [], excluded: ReadonlySet<string>) => {
    const routed = new Set<string>(backends.map(({ app }) => app));
    const counts = { excluded: excluded.size, routed: 0, unrouted: 0 };
    for (const { id } of all) {
      if (routed.has(id)) counts.routed += 1;
      else if (!excluded.has(id)) counts.unrouted += 1;
    }
    return counts;
  },
);
