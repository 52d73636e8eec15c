import { describe, expect, test } from 'vitest';
import { NO_CERTIFICATES } from '../../../src/core/certificates.ts';
import { afterBatch, seenBackends } from '../../../src/core/dynamic-backends.ts';
import { forgetDeleted, NO_LEFTOVERS } from '../../../src/core/leftovers.ts';
import { type Loaded, loadedTable } from '../../../src/core/loaded.ts';
import { MAP_FILES } from '../../../src/core/maps.ts';
import { place } from '../../../src/core/placed-table.ts';
import { choosePlaces, OWN_PLACES, readPlacement } from '../../../src/core/placement.ts';
import { formatNeed } from '../../../src/core/reload-need.ts';
import { createRenderer } from '../../../src/core/render.ts';
import type { BackendName, RoutingTable } from '../../../src/core/routing.ts';
import type { Tier } from '../../../src/core/runtime.ts';
import { planRuntime, type RuntimePlan } from '../../../src/core/runtime-plan.ts';
import { planRepair } from '../../../src/core/runtime-repair.ts';
import { createSpares } from '../../../src/core/spares.ts';
import { createModelHaproxy, type ModelHaproxy } from '../../support/model-haproxy.ts';
import { said } from '../../support/runtime-commands.ts';
import {
  appIdRoute,
  asked,
  backend,
  HTTP_PROFILE,
  route,
  server,
  service,
  settings,
  table,
  templates,
} from '../../support/tables.ts';

const SETTINGS = settings({
  httpBind: [{ address: '*', port: 80 }],
  appidBind: [{ address: '*', port: 9_091 }],
});
const ALL = { backends: 'all', maps: MAP_FILES, dynamic: true } as const;
const SIZES = { http: 4, sticky: 2, tcp: 2 };

const made = createRenderer(templates());
if (!made.ok) throw new Error(made.failure.message);
const renderer = made.value;
const { shapes } = renderer;
const sections = renderer.fixedSections(SETTINGS, NO_CERTIFICATES, { runtimeSocket: '/s', stateFile: '/t' });
if (!sections.ok) throw new Error(sections.failure.message);
const fixed = sections.value;

/** A HAProxy, and what is known of it. */
function drive(before: RoutingTable, tier: Tier = 'A') {
  const reserves = createSpares(SIZES, tier);
  const haproxy = createModelHaproxy(tier, 'prefix');
  haproxy.load(before, reserves);
  let loaded = loadedTable(before, shapes, reserves, fixed);
  let [running, wanted, placement, leftovers] = [before, before, OWN_PLACES, NO_LEFTOVERS];
  const inputs = () => ({ loaded, shapes, fixed, tier, leftovers, pathMatch: 'prefix' as const });

  function carryOut(plan: RuntimePlan, busy: readonly string[] = []): void {
    for (const command of plan.commands) haproxy.run(command);
    const left = haproxy.sweep(plan.removed, ({ backend }) => busy.includes(backend));
    const gone = plan.commands.flatMap((command) => (command.do === 'delete-backend' ? [command.backend] : []));
    loaded = afterBatch(plan.loaded, plan.commands, haproxy.sweepBackends(gone));
    leftovers = forgetDeleted(plan.leftovers, tier, plan.removed, left);
    running = plan.target;
    expect(haproxy.differsFrom(running)).toEqual([]);
  }

  return {
    haproxy,
    loaded: (): Loaded => loaded,
    places: () => [...placement.places],
    /** Brings it to a table; servers of `busy` backends have connections. */
    bring(after: RoutingTable, busy: readonly string[] = []) {
      placement = choosePlaces({ before: wanted, after, placement, loaded, shapes, tier });
      wanted = after;
      const placed = place(after, placement.places);
      const plan = planRuntime({ ...inputs(), before: running, after: placed, unplaced: placement.unplaced });
      carryOut(plan, busy);
      return { said: plan.commands.map(said), needs: plan.needs.map(formatNeed) };
    },
    /** Nobody remembers anything but the configuration that was loaded. */
    adopt(after: RoutingTable) {
      const observed = haproxy.observe();
      loaded = seenBackends(loadedTable(before, shapes, reserves, fixed), observed);
      wanted = after;
      placement = readPlacement(after, observed, { loaded, shapes, tier, pathMatch: 'prefix' });
      const plan = planRepair({
        ...inputs(),
        leftovers: NO_LEFTOVERS,
        before: undefined,
        after: place(after, placement.places),
        unplaced: placement.unplaced,
        compareAll: true,
        observed,
        asked: ALL,
      });
      carryOut(plan);
      return { said: plan.commands.map(said), needs: plan.needs.map(formatNeed) };
    },
  };
}

const check = { tls: false, interMs: 5_000, fall: 3 };
const [one, two] = [server(8_001, { check }), server(8_002, { check })];
const HTTP_CHECK = { ...HTTP_PROFILE, check: 'http', checkTimeout: 20 } as const;
const profile = 'P_http_roundrobin_0_http_20';
const web = backend('web_10000', { profile: HTTP_CHECK, servers: [one, two] });
const withWeb = (over: Parameters<typeof backend>[1], parts: Partial<RoutingTable> = {}): RoutingTable =>
  table({
    backends: [backend('web_10000', { profile: HTTP_CHECK, servers: [one, two], ...over })],
    routes: [route('web.example', web.name)],
    ...parts,
  });
const WEB = withWeb({});
const NONE = table();
const LEAVES = [
  'delete-row hosts web.example',
  'unpublish-backend web_10000',
  'remove-server web_10000/127_0_0_1_8001',
  'remove-server web_10000/127_0_0_1_8002',
  'delete-backend web_10000',
  'delete-row check-paths web_10000/',
];
const COMES = [
  'add-row check-paths web_10000/ /',
  `add-backend web_10000 from ${profile}`,
  'add-server web_10000/127_0_0_1_8001 id 8002',
  'add-server web_10000/127_0_0_1_8002 id 8003',
  'publish-backend web_10000',
  'add-row hosts web.example web_10000',
];
const kinds = ({ haproxy }: { readonly haproxy: ModelHaproxy }) => [...haproxy.backends.keys()];

describe('an app comes and goes', () => {
  test('under its own name: backend, servers, publication, then what leads there; removal in reverse', () => {
    const lane = drive(NONE);
    expect(lane.bring(WEB)).toEqual({ said: COMES, needs: [] });
    expect(lane.places()).toEqual([]);
    expect(lane.bring(NONE)).toEqual({ said: LEAVES, needs: [] });
    expect(kinds(lane)).toEqual([]);
    expect(lane.bring(WEB)).toEqual({ said: COMES, needs: [] });
  });

  test('also one that the configuration holds', () => {
    const lane = drive(WEB);
    expect(lane.bring(NONE).said).toEqual(LEAVES);
    expect(lane.bring(WEB).said).toEqual(COMES);
  });

  test('while its connections last its backend is closed, and opened again when it comes back', () => {
    const lane = drive(WEB);
    lane.bring(NONE, ['web_10000']);
    expect([...lane.loaded().dynamic.closed]).toEqual(['web_10000']);
    expect(lane.bring(WEB)).toEqual({
      said: [
        'add-row check-paths web_10000/ /',
        'revive-server web_10000/127_0_0_1_8001 id 8002',
        'revive-server web_10000/127_0_0_1_8002 id 8003',
        'publish-backend web_10000',
        'add-row hosts web.example web_10000',
      ],
      needs: [],
    });
    expect([...lane.loaded().dynamic.closed]).toEqual([]);
  });

  test('below 3.4 a spare stands in for it', () => {
    const lane = drive(NONE, 'B');
    expect(lane.bring(WEB).said[1]).toBe('add-server portolan_spare_http-1/127_0_0_1_8001 id 8002');
    expect(lane.bring(NONE).said.filter((words) => words.includes('backend'))).toEqual([]);
  });
});

describe('another profile', () => {
  const leastconn = { ...HTTP_CHECK, balance: 'leastconn' } as const;
  test('is a backend under a second name, and the next one is back under the first', () => {
    const lane = drive(WEB);
    expect(lane.bring(withWeb({ profile: leastconn }))).toEqual({
      said: [
        'add-row check-paths web_10000:2/ /',
        'add-backend web_10000:2 from P_http_leastconn_0_http_20',
        'add-server web_10000:2/127_0_0_1_8001 id 8002',
        'add-server web_10000:2/127_0_0_1_8002 id 8003',
        'publish-backend web_10000:2',
        'set-row hosts web.example web_10000:2',
        'unpublish-backend web_10000',
        'remove-server web_10000/127_0_0_1_8001',
        'remove-server web_10000/127_0_0_1_8002',
        'delete-backend web_10000',
        'delete-row check-paths web_10000/',
      ],
      needs: [],
    });
    expect(lane.places()).toEqual([['web_10000', 'web_10000:2']]);
    expect(lane.bring(WEB).needs).toEqual([]);
    expect(lane.places()).toEqual([]);
    expect(kinds(lane)).toEqual(['web_10000']);
  });

  test('while the first one still has connections, there is a third', () => {
    const lane = drive(WEB);
    lane.bring(withWeb({ profile: leastconn }), ['web_10000']);
    expect(lane.bring(withWeb({ profile: { ...leastconn, checkTimeout: 60 } })).needs).toEqual([]);
    expect(lane.places()).toEqual([['web_10000', 'web_10000:3']]);
    expect(kinds(lane)).toEqual(['web_10000', 'web_10000:3']);
    // The first one is still there, and as it is wanted.
    expect(lane.bring(WEB).said).toContain('publish-backend web_10000');
    expect(kinds(lane)).toEqual(['web_10000']);
  });

  test('a reload, where a frontend of its own leads to the first name', () => {
    const services = [service(web, [10_000])];
    const lane = drive(withWeb({}, { services }));
    expect(lane.bring(withWeb({ profile: leastconn }, { services })).needs).toEqual(['backend-changed web_10000']);
    // That frontend names the backend, which therefore cannot be deleted.
    const closing = lane.bring(NONE);
    expect(closing.needs).toEqual(['service port of web_10000 removed']);
    expect(closing.said.filter((words) => words.includes('-backend'))).toEqual([]);
  });
});

test.each([
  ['text of its own', { auth: asked({ realm: 'r', user: 'u', passwordHash: '$5$x' }) }],
  ['a balance that nobody has', { profile: { ...HTTP_CHECK, balance: 'source' } as const }],
  ['a balance that takes no servers', { profile: { ...HTTP_CHECK, balance: 'static-rr' } as const }],
])('what no profile says needs a reload: %s', (_, over) => {
  const lane = drive(NONE);
  expect(lane.bring(withWeb(over))).toEqual({ said: [], needs: ['no-fitting-profile web_10000'] });
});

test('a balance that a loaded app has can be had by another', () => {
  const source = { ...HTTP_CHECK, balance: 'source' } as const;
  const other = backend('api_10001', { profile: source, servers: [one] });
  const lane = drive(withWeb({ profile: source }));
  const both = withWeb({ profile: source });
  expect(lane.bring(table({ ...both, backends: [other, ...both.backends] })).needs).toEqual([]);
  expect(kinds(lane)).toContain('api_10001');
});

describe('after a restart of Portolan', () => {
  const leastconn = { ...HTTP_CHECK, balance: 'leastconn' } as const;
  test('what was made is found, under a second name too', () => {
    const lane = drive(table({ ...WEB, appIds: [appIdRoute('/web', web.name)] }));
    const changed = withWeb({ profile: leastconn });
    lane.bring(changed);
    expect(lane.adopt(changed)).toEqual({ said: [], needs: [] });
    expect(lane.places()).toEqual([['web_10000', 'web_10000:2']]);
    expect(lane.bring(NONE).said).toContain('delete-backend web_10000:2');
    expect(kinds(lane)).toEqual([]);
  });

  test('what nobody wants any more is deleted', () => {
    const lane = drive(NONE);
    lane.bring(WEB);
    expect(lane.adopt(NONE)).toEqual({
      said: [
        'replace-map maps/hosts.map of 0',
        'unpublish-backend web_10000',
        'remove-server web_10000/127_0_0_1_8001',
        'remove-server web_10000/127_0_0_1_8002',
        'delete-backend web_10000',
        'replace-map maps/check-paths.map of 0',
      ],
      needs: [],
    });
    expect(kinds(lane)).toEqual([]);
  });

  test('a batch that ended half-way is ended', () => {
    const lane = drive(NONE);
    lane.haproxy.run({ do: 'add-backend', backend: web.name, profile });
    lane.haproxy.run({ do: 'add-server', backend: web.name, server: one });
    expect(lane.adopt(WEB)).toEqual({
      said: [
        'replace-map maps/check-paths.map of 1',
        'add-server web_10000/127_0_0_1_8002 id 8003',
        'publish-backend web_10000',
        'replace-map maps/hosts.map of 1',
      ],
      needs: [],
    });
  });

  test('a backend that somebody deleted is made again', () => {
    const lane = drive(WEB);
    lane.haproxy.backends.delete('web_10000' as BackendName);
    expect(lane.adopt(WEB)).toEqual({ said: COMES.slice(1, -1), needs: [] });
  });
});
