import fc from 'fast-check';
import { expect, onTestFinished, test } from 'vitest';
import type { Instant } from '../../../src/core/app.ts';
import type { RenderedConfig } from '../../../src/core/config.ts';
import { createTakeOut } from '../../../src/core/fast-lane.ts';
import { type LeavingTask, leavingTasks } from '../../../src/core/leaving.ts';
import { place } from '../../../src/core/placed-table.ts';
import type { RoutingTable } from '../../../src/core/routing.ts';
import { createSpares } from '../../../src/core/spares.ts';
import type { Cookies } from '../../../src/core/template-views.ts';
import { createRuntime } from '../../../src/haproxy/runtime.ts';
import { realClock } from '../../support/haproxy-rig.ts';
import { heldDifferences } from '../../support/held-differences.ts';
import { createLaneDrive, createTableRenderer, tellRun } from '../../support/lane-drive.ts';
import { appChange, createRandomApps } from '../../support/random-apps.ts';
import { createRouteWatch } from '../../support/route-watch.ts';
import { generation } from '../../support/runtime-commands.ts';
import { startScriptedHaproxy } from '../../support/scripted-haproxy.ts';
import { createSocketFaults, FAULTS, seededRandom } from '../../support/socket-faults.ts';
import { settings } from '../../support/tables.ts';

const SETTINGS = settings({
  httpBind: [{ address: '127.0.0.1', port: 31_400 }],
  appidBind: [{ address: '127.0.0.1', port: 31_401 }],
  servicePortRange: { address: '127.0.0.1', from: 10_000, to: 10_099 },
});
/** Of each version; 10,000 in all. */
const CHANGES = 2_500;
const DEADLINE_MS = 40;
const LEAVING_MS = 60_000;

/** What Portolan has HAProxy do for sticky apps. */
const cookiesOf = (version: string): Cookies => (version.startsWith('2') ? 'computed' : 'named');

/** Everything of one run: apps that change, a HAProxy where much goes wrong, and the lane between them. */
async function stage(version: string, seed: number) {
  const apps = createRandomApps();
  const watch = createRouteWatch();
  const faults = createSocketFaults(seed, 60, (fault) => {
    if (fault === 'unheard') watch.lied();
  });
  const tables = new Map<RenderedConfig, RoutingTable>();
  let now = 0;
  let published: RenderedConfig | undefined;
  const spares = createSpares(
    { http: 6, sticky: 2, tcp: 2 },
    version.startsWith('2') ? 'C' : version.startsWith('3.4') ? 'A' : 'B',
  );
  const renderer = createTableRenderer(SETTINGS, spares, cookiesOf(version));
  const configOf = (table: RoutingTable): RenderedConfig => {
    const config = renderer.render(table);
    tables.set(config, table);
    return config;
  };
  const first = apps.table();
  watch.want(first);
  const haproxy = await startScriptedHaproxy(
    {
      version,
      faults,
      lateMs: DEADLINE_MS + 20,
      onExecuted: watch.after,
      onStarted: (worker, config) => {
        published = undefined;
        watch.started(worker, tables.get(config) ?? first);
      },
    },
    configOf(first),
  );
  onTestFinished(() => haproxy.close());
  const drive = createLaneDrive({
    runtime: () => createRuntime({ socket: haproxy.path, clock: realClock, deadlineMs: DEADLINE_MS }),
    now: () => now as Instant,
    leavingMs: LEAVING_MS,
    renderer,
    observe: () => ({
      generation: generation(haproxy.worker().generation),
      loaded: haproxy.loaded(),
      published: published ?? haproxy.loaded(),
    }),
    undisturbed: async (question) => {
      haproxy.troubled(false);
      return question().finally(() => haproxy.troubled(true));
    },
    reload: async (table) => haproxy.load(configOf(table)),
  });
  const publish = (table: RoutingTable): void => {
    published = configOf(table);
  };
  return { publish, apps, watch, faults, haproxy, drive, advance: (ms: number) => (now += ms), now: () => now };
}

/** Tasks that an event called leaving stay out of rotation, unless nobody else would serve. */
function withoutLeavers(table: RoutingTable, leaving: readonly LeavingTask[]): RoutingTable {
  return { ...table, backends: createTakeOut()(table, leavingTasks(leaving)).backends };
}

test.each([
  ['2.6.12-1+deb12u4', 1],
  ['3.0.11-1+deb13u3', 2],
  ['3.2.26-1', 3],
  ['3.4.0-64a3353', 4],
])(
  'HAProxy %s: changes converge, whatever happens on the socket, and no command opens a gap',
  async (version, seed) => {
    const changes = fc.sample(appChange, { numRuns: CHANGES, seed });
    const random = seededRandom(seed);
    const { publish, apps, watch, faults, haproxy, drive, advance, now } = await stage(version, seed);
    let table = apps.table();
    let leaving: (LeavingTask & { readonly until: number })[] = [];
    let settles = 0;
    let takeovers = 0;
    haproxy.troubled(true);
    for (let at = 0; at < changes.length; settles += 1) {
      const from = at;
      at += 1 + Math.floor(random() * 5);
      for (const change of changes.slice(from, at)) apps.change(change);
      advance(1_000);
      if (random() < 0.3) {
        const { app, servers } = table.backends[Math.floor(random() * table.backends.length)] ?? { servers: [] };
        const task = servers[Math.floor(random() * servers.length)]?.task;
        if (app !== undefined && task !== undefined) {
          leaving.push({ app, task, until: now() + LEAVING_MS });
          await drive.leave([{ app, task }]);
        }
      }
      if (random() < 0.05) await drive.check();
      if (random() < 0.02) {
        drive.restart();
        leaving = [];
      }
      table = apps.table();
      watch.want(table);
      await drive.settle(table);
      // Whoever takes over unasked is seen, if not at once, and brought to the table too.
      for (; takeovers !== haproxy.takeovers(); await drive.settle(table)) {
        takeovers = haproxy.takeovers();
        drive.doubt();
      }
      leaving = leaving.filter(({ until }) => until > now());
      const wanted = withoutLeavers(place(table, drive.places()), leaving);
      expect(heldDifferences(haproxy.worker(), wanted, cookiesOf(version)), `after ${at} changes`).toEqual([]);
      expect(watch.violations, `after ${at} changes`).toEqual([]);
      watch.settled();
      publish(table);
    }
    tellRun(version, {
      changes: CHANGES,
      settles,
      lines: haproxy.executed(),
      ...drive.counts,
      faults: Object.fromEntries(faults.counts),
      reloadsBecause: Object.fromEntries(drive.reasons),
    });
    for (const fault of FAULTS.filter((one) => one !== 'attached' || !version.startsWith('2')))
      expect(faults.counts.get(fault), fault).toBeGreaterThan(0);
  },
);
