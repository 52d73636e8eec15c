import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { NO_CERTIFICATES } from '../../../src/core/certificates.ts';
import { afterBatch, seenBackends } from '../../../src/core/dynamic-backends.ts';
import { forgetDeleted, type Leftovers, NO_LEFTOVERS } from '../../../src/core/leftovers.ts';
import { type Loaded, loadedConfig, loadedTable } from '../../../src/core/loaded.ts';
import { MAP_FILES } from '../../../src/core/maps.ts';
import { createPlacer, place } from '../../../src/core/placed-table.ts';
import { choosePlaces, OWN_PLACES, type Placement, readPlacement, reclaimSpares } from '../../../src/core/placement.ts';
import { canWait } from '../../../src/core/reload-need.ts';
import { createRenderer, type PartsRenderer } from '../../../src/core/render.ts';
import type { BackendName, RoutingTable, ServerName } from '../../../src/core/routing.ts';
import type { Tier } from '../../../src/core/runtime.ts';
import { planRuntime, type RuntimePlan } from '../../../src/core/runtime-plan.ts';
import { planRepair } from '../../../src/core/runtime-repair.ts';
import { createSpares, type Reserve } from '../../../src/core/spares.ts';
import type { Cookies } from '../../../src/core/template-views.ts';
import { createModelHaproxy, type ModelHaproxy } from '../../support/model-haproxy.ts';
import { type AppChange, appChange, createRandomApps, type RandomApps } from '../../support/random-apps.ts';
import { settings, templates } from '../../support/tables.ts';

const PLACE = { runtimeSocket: '/run/s.sock', stateFile: '/run/state' };
const SETTINGS = settings({
  httpBind: [{ address: '*', port: 80 }],
  appidBind: [{ address: '*', port: 9_091 }],
  servicePortRange: { address: '*', from: 10_000, to: 10_099 },
});
const ALL = { backends: 'all', maps: MAP_FILES } as const;

function rendererOf(cookies: Cookies) {
  const made = createRenderer(templates(), cookies);
  if (!made.ok) throw new Error(made.failure.message);
  return made.value;
}
const RENDERERS = { named: rendererOf('named'), computed: rendererOf('computed') };
/** Services with a frontend of their own take their ports out of the range. */
function fixedWith({ services }: RoutingTable): ReadonlyMap<string, string> {
  const sections = RENDERERS.named.fixedSections(SETTINGS, NO_CERTIFICATES, PLACE, services);
  if (!sections.ok) throw new Error(sections.failure.message);
  return sections.value;
}

/** Tables of the very same objects. */
function expectSameParts(a: RoutingTable, b: RoutingTable): void {
  for (const part of ['services', 'routes', 'appIds', 'backends'] as const) {
    expect(a[part].length).toBe(b[part].length);
    expect(a[part].findIndex((item, at) => item !== b[part][at])).toBe(-1);
  }
}

/** A daemon's memory, as far as planning goes, beside the HAProxy that it drives. */
class Drive {
  readonly haproxy: ModelHaproxy;
  readonly apps: RandomApps = createRandomApps();
  readonly tier: Tier;
  readonly renderer: PartsRenderer;
  readonly spares: readonly Reserve[];
  wanted: RoutingTable;
  running: RoutingTable;
  placement: Placement = OWN_PLACES;
  leftovers: Leftovers = NO_LEFTOVERS;
  loaded: Loaded;
  fixed: ReadonlyMap<string, string>;
  pending = false;
  reloads = 0;
  commands = 0;
  readonly placer = createPlacer();

  constructor(tier: Tier, cookies: Cookies) {
    this.tier = tier;
    this.renderer = RENDERERS[cookies];
    this.spares = createSpares({ http: 6, sticky: 2, tcp: 2 }, tier);
    this.haproxy = createModelHaproxy(tier, 'prefix', cookies);
    this.wanted = this.apps.table();
    this.running = this.wanted;
    this.fixed = fixedWith(this.wanted);
    this.loaded = loadedTable(this.wanted, this.renderer.shapes, this.spares, this.fixed);
    this.haproxy.load(this.wanted, this.spares);
  }

  inputs() {
    return {
      before: this.running,
      loaded: this.loaded,
      shapes: this.renderer.shapes,
      fixed: this.fixed,
      tier: this.tier,
      leftovers: this.leftovers,
      unplaced: this.placement.unplaced,
      pathMatch: 'prefix' as const,
    };
  }

  follow(change: AppChange): RuntimePlan {
    this.aim(change);
    const after = this.placer(this.wanted, this.placement.places);
    expectSameParts(after, place(this.wanted, this.placement.places));
    const plan = planRuntime({ ...this.inputs(), after });
    this.carryOut(plan);
    this.pending = plan.needs.some((need) => !canWait(need));
    return plan;
  }

  /** Wants the next table, and has places for it. */
  aim(change: AppChange): void {
    this.apps.change(change);
    const after = this.apps.table();
    this.placement = choosePlaces({
      before: this.wanted,
      after,
      placement: this.placement,
      loaded: this.loaded,
      shapes: this.renderer.shapes,
      tier: this.tier,
    });
    this.wanted = after;
  }

  carryOut(plan: RuntimePlan, gapless = true): void {
    const { haproxy } = this;
    const before = haproxy.answered();
    const during: ReadonlySet<string>[] = [];
    for (const command of plan.commands) {
      haproxy.run(command);
      during.push(haproxy.answered());
      this.commands += 1;
    }
    const lasting = [...haproxy.answered()].filter((key) => before.has(key));
    if (gapless) for (const keys of during) expect(lasting.filter((key) => !keys.has(key))).toEqual([]);
    const left = haproxy.sweep(plan.removed, ({ server }) => server.endsWith('1'));
    this.leftovers = forgetDeleted(plan.leftovers, this.tier, plan.removed, left);
    const deleted = plan.commands.flatMap((command) => (command.do === 'delete-backend' ? [command.backend] : []));
    this.loaded = afterBatch(plan.loaded, plan.commands, haproxy.sweepBackends(deleted));
    this.running = plan.target;
    expect(haproxy.differsFrom(this.running)).toEqual([]);
    this.placement = reclaimSpares(this.placement, haproxy.observe());
  }

  reload(): void {
    this.reloads += 1;
    this.pending = false;
    this.running = this.wanted;
    this.placement = OWN_PLACES;
    this.leftovers = NO_LEFTOVERS;
    this.fixed = fixedWith(this.wanted);
    this.loaded = loadedTable(this.wanted, this.renderer.shapes, this.spares, this.fixed);
    this.haproxy.load(this.wanted, this.spares);
  }

  /** Nobody remembers anything but the files of the generation that runs. */
  restart(loadedAs: RoutingTable): void {
    const config = this.renderer.render(loadedAs, SETTINGS, NO_CERTIFICATES, PLACE, this.spares);
    if (!config.ok) throw new Error(config.failure.message);
    this.fixed = fixedWith(loadedAs);
    const observed = this.haproxy.observe();
    this.loaded = seenBackends(loadedConfig(config.value), observed);
    this.placement = readPlacement(this.wanted, observed, { ...this.inputs(), loaded: this.loaded });
    for (const servers of this.haproxy.backends.values()) {
      for (const server of servers.values()) if (server.admission === 'maint') server.forgotten = true;
    }
    const plan = planRepair({
      ...this.inputs(),
      before: undefined,
      after: place(this.wanted, this.placement.places),
      unplaced: this.placement.unplaced,
      leftovers: NO_LEFTOVERS,
      observed,
      asked: ALL,
    });
    expect(plan.needs.filter((need) => !canWait(need))).toEqual([]);
    for (const [backend, servers] of this.haproxy.backends) {
      const left = plan.leftovers.get(backend as BackendName);
      for (const [name, server] of servers) if (!left?.has(name as ServerName)) delete server.forgotten;
    }
    this.carryOut(plan);
  }
}

const namesOf = ({ name, servers }: RoutingTable['backends'][number]): readonly string[] => [
  name,
  ...servers.map((server) => server.name).sort(),
];

/** Everything that is wanted is there: nothing is missing that needs no reload. */
function expectWanted(drive: Drive, plan: RuntimePlan): void {
  if (plan.needs.length > 0) return;
  const wanted = place(drive.wanted, drive.placement.places);
  expect(drive.running.routes).toEqual(wanted.routes);
  expect(drive.running.backends.map(namesOf)).toEqual(wanted.backends.map(namesOf));
}

const step = fc.record({ change: appChange, reloads: fc.boolean(), restarts: fc.nat(19) });
const steps = fc.array(step, { minLength: 100, maxLength: 100, size: 'max' });

/** Somebody else's doing, or a batch of ours that ended in doubt. */
const harm = fc.record({
  what: fc.constantFrom(
    'server-gone',
    'server-moved',
    'server-maint',
    'server-drain',
    'stranger',
    'row-gone',
    'row-wrong',
    'stray-row',
    'backend-gone',
  ),
  at: fc.nat(1_000),
});
const harms = fc.array(harm, { minLength: 1, maxLength: 20 });

const nth = <T>(items: Iterable<T>, at: number): T | undefined => {
  const list = [...items];
  return list[at % Math.max(1, list.length)];
};

function doHarm(haproxy: ModelHaproxy, { what, at }: { readonly what: string; readonly at: number }): void {
  const { backends, maps } = haproxy;
  const [, servers] = nth(backends, at) ?? ['', new Map()];
  const name = nth(servers.keys(), at);
  const server = name === undefined ? undefined : servers.get(name);
  const rows = maps.get(MAP_FILES[at % MAP_FILES.length] ?? 'maps/hosts.map');
  const key = nth(rows?.keys() ?? [], at);
  if (what === 'server-gone' && name !== undefined) servers.delete(name);
  if (what === 'server-moved' && server !== undefined) server.port += 1;
  if (what === 'server-maint' && server !== undefined) server.admission = 'maint';
  if (what === 'server-drain' && server !== undefined) server.admission = 'drain';
  if (what === 'stranger') {
    servers.set(`stranger${at}`, { id: 1_000 + at, words: 'id 0', address: '10.0.0.9', port: 9, admission: 'ready' });
  }
  if (what === 'row-gone' && key !== undefined) rows?.delete(key);
  if (what === 'row-wrong' && key !== undefined) rows?.set(key, 'elsewhere');
  if (what === 'backend-gone') haproxy.lose(at);
  if (what === 'stray-row') rows?.set(`stray${at}`, 'elsewhere');
}

describe.each([
  ['A', 'named'],
  ['B', 'named'],
  ['C', 'named'],
  ['C', 'computed'],
] as const)('tier %s, cookies %s', (tier, cookies) => {
  test('5,000 changes: HAProxy is brought to every table without a gap, and refuses nothing', () => {
    let reloads = 0;
    let planned = 0;
    let restarted = 0;
    fc.assert(
      fc.property(steps, (all) => {
        const drive = new Drive(tier, cookies);
        let loadedAs = drive.wanted;
        for (const { change, reloads: now, restarts } of all) {
          const plan = drive.follow(change);
          expectWanted(drive, plan);
          const again = planRuntime({ ...drive.inputs(), after: place(drive.wanted, drive.placement.places) });
          expect(again.commands).toEqual([]);
          if (drive.pending && now) {
            drive.reload();
            loadedAs = drive.wanted;
          } else if (!drive.pending && restarts === 0) {
            drive.restart(loadedAs);
            restarted += 1;
          }
          if (cookies === 'computed') expect(plan.needs.map(({ because }) => because)).not.toContain('sticky-server');
        }
        reloads += drive.reloads;
        planned += drive.commands;
      }),
      { numRuns: 50, endOnFailure: true },
    );
    expect(planned).toBeGreaterThan(5_000);
    expect(restarted).toBeGreaterThan(30);
    expect(reloads).toBeLessThan(2_500);
  }, 120_000);

  test('whatever was done to HAProxy, a repair brings it back, also on the way to another table', () => {
    fc.assert(
      fc.property(fc.array(appChange, { maxLength: 30 }), harms, fc.option(appChange), (changes, all, next) => {
        const drive = new Drive(tier, cookies);
        for (const change of changes) {
          drive.follow(change);
          if (drive.pending) drive.reload();
        }
        for (const one of all) doHarm(drive.haproxy, one);
        if (next !== null) drive.aim(next);
        const observed = drive.haproxy.observe();
        const after = next === null ? drive.running : place(drive.wanted, drive.placement.places);
        const plan = planRepair({ ...drive.inputs(), after, observed, asked: ALL });
        drive.carryOut(plan, false);
        const lost = plan.needs.some(({ because }) => because === 'sticky-server' || because === 'backend-added');
        if (next === null && !lost) {
          expect(drive.running.backends.map(namesOf)).toEqual(
            place(drive.wanted, drive.placement.places).backends.map(namesOf),
          );
        }
        const quiet = planRepair({
          ...drive.inputs(),
          after: drive.running,
          observed: drive.haproxy.observe(),
          asked: ALL,
        });
        expect(quiet.commands).toEqual([]);
        expect(quiet.drift).toEqual([]);
        expect(quiet.target).toBe(drive.running);
      }),
      { numRuns: 500 },
    );
  }, 120_000);

  test('a repair of what was asked about leaves the rest of the way to the next plan', () => {
    fc.assert(
      fc.property(fc.array(appChange, { maxLength: 20 }), harms, appChange, (changes, all, next) => {
        const drive = new Drive(tier, cookies);
        for (const change of changes) {
          drive.follow(change);
          if (drive.pending) drive.reload();
        }
        const names = [...drive.haproxy.backends.keys()].slice(0, 4);
        const others = new Map([...drive.haproxy.backends].filter(([name]) => !names.includes(name)));
        for (const name of others.keys()) drive.haproxy.backends.delete(name);
        for (const one of all) if (!one.what.includes('row')) doHarm(drive.haproxy, one);
        for (const [name, servers] of others) drive.haproxy.backends.set(name, servers);
        drive.aim(next);
        const whole = drive.haproxy.observe();
        const observed = {
          ...whole,
          backends: new Map([...whole.backends].filter(([name]) => names.includes(name))),
          maps: new Map(),
        };
        const after = place(drive.wanted, drive.placement.places);
        const plan = planRepair({ ...drive.inputs(), after, observed, asked: { backends: names, maps: [] } });
        drive.carryOut(plan, false);
      }),
      { numRuns: 500 },
    );
  }, 120_000);
});
