import { type ChildProcess, spawn } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import fc from 'fast-check';
import { expect, onTestFinished, test } from 'vitest';
import { NO_CERTIFICATES } from '../../src/core/certificates.ts';
import { type Generation, stampGeneration } from '../../src/core/config.ts';
import { afterBatch, forgetClosed, seenBackends } from '../../src/core/dynamic-backends.ts';
import { forgetDeleted, type Leftovers, NO_LEFTOVERS } from '../../src/core/leftovers.ts';
import { type Loaded, loadedTable } from '../../src/core/loaded.ts';
import { MAP_FILES } from '../../src/core/maps.ts';
import { place } from '../../src/core/placed-table.ts';
import { choosePlaces, OWN_PLACES, type Placement, reclaimSpares } from '../../src/core/placement.ts';
import { canWait } from '../../src/core/reload-need.ts';
import { createRenderer, type PartsRenderer } from '../../src/core/render.ts';
import type { RoutingTable } from '../../src/core/routing.ts';
import type { HaproxyRuntime, LeftPlace, ObservedRuntime, Tier } from '../../src/core/runtime.ts';
import { differences, formatDifference } from '../../src/core/runtime-difference.ts';
import { planRuntime } from '../../src/core/runtime-plan.ts';
import { createSpares, type Reserve } from '../../src/core/spares.ts';
import type { Cookies } from '../../src/core/template-views.ts';
import { createRuntime } from '../../src/haproxy/runtime.ts';
import { appChange, createRandomApps } from '../support/random-apps.ts';
import { settings, templates } from '../support/tables.ts';

const SETTINGS = settings({
  httpBind: [{ address: '127.0.0.1', port: 18_100 }],
  appidBind: [{ address: '127.0.0.1', port: 18_101 }],
  servicePortRange: { address: '127.0.0.2', from: 18_110, to: 18_119 },
});
const PLACE = { runtimeSocket: 's.sock', stateFile: 'state' };
const ALL = { backends: 'all', maps: MAP_FILES } as const;
const clock = { now: () => Date.now(), sleep: async () => {} } as unknown as Parameters<
  typeof createRuntime
>[0]['clock'];

function rendererOf(cookies: Cookies): PartsRenderer {
  const made = createRenderer(templates(), cookies);
  if (!made.ok) throw new Error(made.failure.message);
  return made.value;
}
const sections = rendererOf('named').fixedSections(SETTINGS, NO_CERTIFICATES, PLACE);
if (!sections.ok) throw new Error(sections.failure.message);
const fixed = sections.value;

/** A HAProxy that is started anew for every configuration. */
async function startHaproxies() {
  const dir = await mkdtemp(join(tmpdir(), 'plan-'));
  let child: ChildProcess | undefined;
  let number = 0;
  const runtime = createRuntime({ socket: join(dir, 's.sock'), clock });
  async function end(): Promise<void> {
    runtime.close();
    const was = child;
    if (was === undefined || was.exitCode !== null) return;
    const gone = new Promise((resolve) => was.once('exit', resolve));
    was.kill('SIGKILL');
    await gone;
  }
  onTestFinished(async () => {
    await end();
    await rm(dir, { recursive: true });
  });
  return {
    runtime,
    generation: () => number as Generation,
    async load(renderer: PartsRenderer, table: RoutingTable, spares: readonly Reserve[]): Promise<void> {
      await end();
      number += 1;
      const rendered = renderer.render(table, SETTINGS, NO_CERTIFICATES, PLACE, spares);
      if (!rendered.ok) throw new Error(rendered.failure.message);
      await writeFile(join(dir, 'state'), '1\n');
      for (const [file, text] of rendered.value.files) {
        await mkdir(dirname(join(dir, file)), { recursive: true });
        await writeFile(join(dir, file), file === 'haproxy.cfg' ? stampGeneration(text, number as Generation) : text);
      }
      child = spawn(process.env['HAPROXY'] ?? 'haproxy', ['-C', dir, '-f', 'haproxy.cfg', '-db'], { stdio: 'ignore' });
      await expect.poll(() => read(runtime, number as Generation), { timeout: 10_000 }).toBeDefined();
    },
  };
}

const closedOf = ({ dynamic }: Loaded): readonly LeftPlace[] => [...dynamic.closed].map((backend) => ({ backend }));

const read = (runtime: HaproxyRuntime, generation: Generation): Promise<ObservedRuntime | undefined> =>
  runtime.read(generation, ALL);

test('after every change HAProxy holds what the plan says, server by server and row by row', async () => {
  const haproxy = await startHaproxies();
  const apps = createRandomApps();
  let wanted = apps.table();
  await haproxy.load(rendererOf('named'), wanted, []);
  const tier: Tier = await haproxy.runtime.tier();
  const renderer = rendererOf(tier === 'C' ? 'computed' : 'named');
  const { shapes } = renderer;
  const spares = createSpares({ http: 12, sticky: 4, tcp: 4 }, tier);
  let running = wanted;
  let loadedAs = wanted;
  let loaded: Loaded;
  let placement: Placement;
  let leftovers: Leftovers;
  let reloads = 0;
  let ofApps = 0;
  const reload = async (): Promise<void> => {
    [running, loadedAs, placement, leftovers] = [wanted, wanted, OWN_PLACES, NO_LEFTOVERS];
    loaded = loadedTable(wanted, shapes, spares, fixed);
    reloads += 1;
    await haproxy.load(renderer, wanted, spares);
  };
  loaded = loadedTable(wanted, shapes, spares, fixed);
  placement = OWN_PLACES;
  leftovers = NO_LEFTOVERS;
  await reload();
  let commands = 0;
  for (const change of fc.sample(appChange, { numRuns: 1_600, seed: 7 })) {
    const before = wanted;
    apps.change(change);
    wanted = apps.table();
    placement = choosePlaces({ before, after: wanted, placement, loaded, shapes, tier });
    const plan = planRuntime({
      before: running,
      after: place(wanted, placement.places),
      loaded,
      shapes,
      fixed,
      tier,
      leftovers,
      unplaced: placement.unplaced,
      pathMatch: 'prefix',
    });
    expect(plan.needs.map(({ because }) => because)).not.toContain('sticky-server');
    commands += plan.commands.length;
    const result = await haproxy.runtime.run(haproxy.generation(), plan.commands);
    if (result.kind !== 'done') throw new Error(`${JSON.stringify(change)}: ${JSON.stringify(result)}`);
    leftovers = forgetDeleted(plan.leftovers, tier, plan.removed, result.left);
    loaded = afterBatch(plan.loaded, plan.commands, result.left);
    // Idle connections keep a backend for a moment.
    loaded = forgetClosed(
      loaded,
      loaded.dynamic.closed,
      await haproxy.runtime.sweep(haproxy.generation(), closedOf(loaded)),
    );
    running = plan.target;
    const observed = await haproxy.runtime.read(haproxy.generation(), { ...ALL, dynamic: true });
    if (observed === undefined) throw new Error('HAProxy did not answer');
    expect(differences(observed, ALL, running, 'prefix').map(formatDifference)).toEqual([]);
    // Whoever comes next finds the same backends.
    const anew = seenBackends(loadedTable(loadedAs, shapes, spares, fixed), observed).dynamic;
    expect(anew.made).toEqual(loaded.dynamic.made);
    expect(anew.closed).toEqual(loaded.dynamic.closed);
    ofApps = Math.max(ofApps, anew.made.size);
    for (const { name, servers } of running.backends) {
      const ids = new Map(observed.backends.get(name)?.map((server) => [server.name, server.id]));
      expect(servers.map((server) => ids.get(server.name))).toEqual(servers.map(({ id }) => id));
    }
    placement = reclaimSpares(placement, observed);
    if (plan.needs.some((need) => !canWait(need))) await reload();
  }
  expect(commands).toBeGreaterThan(1_600);
  expect(reloads).toBeLessThan(800);
  // From 3.4 on backends are made; before, nobody tries.
  expect(ofApps > 0).toBe(tier === 'A');
}, 120_000);
