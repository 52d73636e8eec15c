import { describe, expect, test } from 'vitest';
import { NO_CERTIFICATES } from '../../../src/core/certificates.ts';
import { NO_LEFTOVERS } from '../../../src/core/leftovers.ts';
import { loadedTable } from '../../../src/core/loaded.ts';
import { place } from '../../../src/core/placed-table.ts';
import { choosePlaces, OWN_PLACES, reclaimSpares } from '../../../src/core/placement.ts';
import { formatNeed } from '../../../src/core/reload-need.ts';
import { createRenderer } from '../../../src/core/render.ts';
import type { RoutingTable } from '../../../src/core/routing.ts';
import type { Tier } from '../../../src/core/runtime.ts';
import { verify } from '../../../src/core/runtime-difference.ts';
import { planRuntime } from '../../../src/core/runtime-plan.ts';
import { createSpares, type SpareSizes } from '../../../src/core/spares.ts';
import { createModelHaproxy } from '../../support/model-haproxy.ts';
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
  TCP_PROFILE,
  table,
  templates,
} from '../../support/tables.ts';

const SETTINGS = settings({
  httpBind: [{ address: '*', port: 80 }],
  appidBind: [{ address: '*', port: 9_091 }],
  servicePortRange: { address: '*', from: 10_000, to: 10_099 },
});
const made = createRenderer(templates());
if (!made.ok) throw new Error(made.failure.message);
const renderer = made.value;
const { shapes } = renderer;
const sections = renderer.fixedSections(SETTINGS, NO_CERTIFICATES, { runtimeSocket: '/s', stateFile: '/t' });
if (!sections.ok) throw new Error(sections.failure.message);
const fixed = sections.value;

/** A plan from a table that was just loaded, in the words of people. */
function follow(before: RoutingTable, after: RoutingTable, tier: Tier = 'B', sizes?: Partial<SpareSizes>) {
  const spares = createSpares({ http: 4, sticky: 2, tcp: 2, ...sizes }, tier);
  const loaded = loadedTable(before, shapes, spares, fixed);
  const placement = choosePlaces({ before, after, placement: OWN_PLACES, loaded, shapes, tier });
  const { unplaced } = placement;
  const inputs = { loaded, shapes, fixed, tier, leftovers: NO_LEFTOVERS, unplaced, pathMatch: 'prefix' as const };
  const plan = planRuntime({ ...inputs, before, after: place(after, placement.places) });
  return { said: plan.commands.map(said), needs: plan.needs.map(formatNeed), plan, placement, inputs, spares };
}

const [one, two, three] = [server(8_001), server(8_002), server(8_003)];
const web = backend('web_10000', { servers: [one] });
const webHost = route('web.example', web.name);
const WEB = table({ backends: [web], routes: [webHost], appIds: [appIdRoute('/web', web.name)] });
const withWeb = (over: Parameters<typeof backend>[1], parts: Partial<RoutingTable> = {}): RoutingTable =>
  table({ ...WEB, backends: [backend('web_10000', { servers: [one], ...over })], ...parts });
const checked = { tls: false, interMs: 5_000, fall: 3 };
const HTTP_CHECK = { ...HTTP_PROFILE, check: 'http', checkTimeout: 20 } as const;

describe('what needs no reload', () => {
  const cases: readonly (readonly [string, RoutingTable, RoutingTable, readonly string[]])[] = [
    ['nothing', WEB, table({ ...WEB }), []],
    ['one more task', WEB, withWeb({ servers: [one, two] }), ['add-server web_10000/127_0_0_1_8002 id 8003']],
    ['a task that went', withWeb({ servers: [one, two] }), WEB, ['remove-server web_10000/127_0_0_1_8002']],
    [
      'a task replaced: the new one first',
      WEB,
      withWeb({ servers: [two] }),
      ['add-server web_10000/127_0_0_1_8002 id 8003', 'remove-server web_10000/127_0_0_1_8001'],
    ],
    [
      'a task drained, and another one let in before',
      withWeb({ servers: [one, { ...two, admission: 'maint' }] }),
      withWeb({ servers: [{ ...one, admission: 'maint' }, two] }),
      ['ready web_10000/127_0_0_1_8002', 'maint web_10000/127_0_0_1_8001'],
    ],
    [
      'another host',
      WEB,
      table({ ...WEB, routes: [route('new.example', web.name)] }),
      ['add-row hosts new.example web_10000', 'delete-row hosts web.example'],
    ],
    [
      'a host that goes to another app',
      table({ ...WEB, backends: [web, backend('api_10001', { servers: [two] })] }),
      table({
        ...WEB,
        backends: [web, backend('api_10001', { servers: [two, three] })],
        routes: [route('web.example', 'api_10001')],
      }),
      ['add-server api_10001/127_0_0_1_8003 id 8004', 'set-row hosts web.example api_10001'],
    ],
    [
      'settings that are rows',
      WEB,
      withWeb({ hsts: asked(true as const), redirectToHttps: asked(true as const) }),
      ['add-row redirect web_10000 1', 'add-row hsts web_10000 1'],
    ],
    [
      'another check path, said before the server that has its own',
      withWeb({ profile: HTTP_CHECK, servers: [server(8_001, { check: checked })] }),
      withWeb({
        profile: HTTP_CHECK,
        checkPath: '/up',
        servers: [server(8_001, { check: checked }), server(8_002, { check: { ...checked, path: '/old' } })],
      }),
      [
        'set-row check-paths web_10000/ /up',
        'add-row check-paths web_10000/127_0_0_1_8002/ /old',
        'add-server web_10000/127_0_0_1_8002 id 8003',
      ],
    ],
    [
      'an app that left',
      WEB,
      table(),
      ['delete-row hosts web.example', 'delete-row app-ids /web', 'remove-server web_10000/127_0_0_1_8001'],
    ],
    [
      'a new app, on a spare',
      table(),
      WEB,
      [
        'add-server portolan_spare_http-1/127_0_0_1_8001 id 8002',
        'add-row hosts web.example portolan_spare_http-1',
        'add-row app-ids /web portolan_spare_http-1',
      ],
    ],
    [
      'another profile: over to a spare, and nobody waits',
      WEB,
      withWeb({ profile: HTTP_CHECK, servers: [server(8_001, { check: checked })] }),
      [
        'add-row check-paths portolan_spare_http-1/ /',
        'add-server portolan_spare_http-1/127_0_0_1_8001 id 8002',
        'set-row hosts web.example portolan_spare_http-1',
        'set-row app-ids /web portolan_spare_http-1',
        'remove-server web_10000/127_0_0_1_8001',
      ],
    ],
  ];
  test.each(cases)('%s', (_, before, after, commands) => {
    const { said, needs, plan, spares } = follow(before, after);
    expect(needs).toEqual([]);
    expect(said).toEqual(commands);
    const haproxy = createModelHaproxy('B', 'prefix');
    haproxy.load(before, spares);
    for (const command of plan.commands) haproxy.run(command);
    expect(haproxy.differsFrom(plan.target)).toEqual([]);
    expect(verify(haproxy.observe(), plan, 'prefix')).toEqual([]);
  });

  test('more than fifty rows are one replacement, in which what goes stays until its turn', () => {
    const routes = Array.from({ length: 60 }, (_, n) => route(`h${n}.example`, web.name));
    const { said, needs } = follow(WEB, table({ ...WEB, routes }));
    expect(needs).toEqual([]);
    expect(said).toEqual(['replace-map maps/hosts.map of 61', 'delete-row hosts web.example']);
    expect(follow(table({ ...WEB, routes }), WEB).said).toEqual([
      'add-row hosts web.example web_10000',
      'replace-map maps/hosts.map of 1',
    ]);
  });

  test('a port of the range is rows', () => {
    const ranged = { ...service(web, [10_000]), inRange: true as const };
    expect(follow(WEB, table({ ...WEB, services: [ranged] }))).toMatchObject({
      said: ['add-row port-modes 10000 http', 'add-row ports 10000 web_10000'],
      needs: [],
    });
  });

  test('a map that nothing looks up has no rows to edit', () => {
    const off = renderer.fixedSections(settings(), NO_CERTIFICATES, { runtimeSocket: '/s', stateFile: '/t' });
    if (!off.ok) throw new Error(off.failure.message);
    const loaded = loadedTable(WEB, shapes, [], off.value);
    const { inputs } = follow(WEB, WEB);
    const after = withWeb({ servers: [two] }, { routes: [], appIds: [] });
    const plan = planRuntime({ ...inputs, loaded, fixed: off.value, before: WEB, after });
    expect(plan.commands.map(said)).toEqual([
      'add-server web_10000/127_0_0_1_8002 id 8003',
      'remove-server web_10000/127_0_0_1_8001',
    ]);
    expect(plan.touched.rows).toEqual([]);
  });

  test('an id that a server on its way out still has is not given again', () => {
    const { said, needs } = follow(WEB, withWeb({ servers: [{ ...two, id: one.id }] }));
    expect(needs).toEqual([]);
    expect(said[0]).toMatch(/^add-server web_10000\/127_0_0_1_8002 id (?!8002$)\d+$/);
  });

  test('a live server keeps its id, whatever the table says', () => {
    const { said, needs, plan } = follow(WEB, withWeb({ servers: [{ ...one, id: 7 }] }));
    expect([said, needs]).toEqual([[], []]);
    expect(plan.target.backends[0]?.servers[0]?.id).toBe(one.id);
  });
});

describe('what needs a reload, and what is done until then', () => {
  const auth = asked({ realm: 'r', user: 'u', passwordHash: '$5$x' });
  const sticky = { ...HTTP_PROFILE, sticky: true };
  const frontend = service(web, [10_000]);
  const cases: readonly (readonly [string, RoutingTable, RoutingTable, Tier, readonly string[], readonly string[]])[] =
    [
      [
        'text of its own: nobody new gets behind the old one',
        withWeb({ servers: [one, two] }),
        withWeb({ auth, servers: [one, three] }, { routes: [webHost, route('x.example', web.name)] }),
        'B',
        ['remove-server web_10000/127_0_0_1_8002'],
        ['backend-changed web_10000'],
      ],
      [
        'text of its own, and no old server stays: they answer until then',
        WEB,
        withWeb({ auth, servers: [two] }),
        'B',
        [],
        ['backend-changed web_10000'],
      ],
      ['a new app with text of its own', table(), withWeb({ auth }), 'B', [], ['no-fitting-spare web_10000']],
      [
        'an algorithm that no spare has',
        table(),
        withWeb({ profile: { ...HTTP_PROFILE, balance: 'leastconn' } }),
        'B',
        [],
        ['no-fitting-spare web_10000'],
      ],
      ['a service port', WEB, table({ ...WEB, services: [frontend] }), 'B', [], ['service port of web_10000 added']],
      [
        'a new app with a service port: its hosts do not wait for it',
        table(),
        table({ ...WEB, services: [frontend] }),
        'B',
        [
          'add-server portolan_spare_http-1/127_0_0_1_8001 id 8002',
          'add-row hosts web.example portolan_spare_http-1',
          'add-row app-ids /web portolan_spare_http-1',
        ],
        ['service port of web_10000 added'],
      ],
      [
        'a new TCP app with nothing but its port',
        table(),
        table({
          backends: [backend('db_10000', { profile: TCP_PROFILE, servers: [one] })],
          services: [service(backend('db_10000', { profile: TCP_PROFILE }), [10_000])],
        }),
        'B',
        [],
        ['no-fitting-spare db_10000', 'service port of db_10000 added'],
      ],
      [
        'a service port that closes',
        table({ ...WEB, services: [frontend] }),
        WEB,
        'B',
        [],
        ['service port of web_10000 removed'],
      ],
      [
        'a profile, where a frontend of its own leads to the backend',
        table({ ...WEB, services: [frontend] }),
        withWeb({ profile: HTTP_CHECK }, { services: [frontend] }),
        'B',
        [],
        ['backend-changed web_10000'],
      ],
      [
        'words of a live server',
        withWeb({ servers: [server(8_001, { check: checked })] }),
        withWeb({ servers: [server(8_001, { check: { ...checked, interMs: 1_000 } }), two] }),
        'B',
        ['add-server web_10000/127_0_0_1_8002 id 8003'],
        ['server-changed web_10000/127_0_0_1_8001'],
      ],
      [
        'a cookie for a new server on 2.6: the old one answers',
        withWeb({ profile: sticky, servers: [{ ...one, cookie: 'a' }] }),
        withWeb({ profile: sticky, servers: [{ ...two, cookie: 'b' }] }),
        'C',
        [],
        ['sticky-server web_10000/127_0_0_1_8002'],
      ],
      [
        'the same on 3.0',
        withWeb({ profile: sticky, servers: [{ ...one, cookie: 'a' }] }),
        withWeb({ profile: sticky, servers: [{ ...two, cookie: 'b' }] }),
        'B',
        ['add-server web_10000/127_0_0_1_8002 id 8003', 'remove-server web_10000/127_0_0_1_8001'],
        [],
      ],
      ['a new sticky app on 2.6', table(), withWeb({ profile: sticky }), 'C', [], ['no-fitting-spare web_10000']],
      ['no socket', WEB, withWeb({ servers: [two] }), 'D', [], ['no runtime socket']],
    ];
  test.each(cases)('%s', (_, before, after, tier, commands, needs) => {
    const planned = follow(before, after, tier);
    expect(planned.said).toEqual(commands);
    expect(planned.needs).toEqual(needs);
  });

  test('spares run out', () => {
    const apps = ['a', 'b', 'c'].map((name) => backend(`${name}_10000`, { servers: [one] }));
    const routes = apps.map(({ name }) => route(`${name.slice(0, 1)}.example`, name));
    const { said, needs, placement } = follow(table(), table({ backends: apps, routes }), 'B', { http: 2 });
    expect(placement.places.size).toBe(2);
    expect(needs).toEqual(['spares-exhausted c_10000']);
    expect(said.join()).not.toContain('c.example');
  });

  test('a section that no app owns', () => {
    const { inputs } = follow(WEB, WEB);
    const plan = planRuntime({
      ...inputs,
      fixed: new Map([...fixed, ['global', 'global\n  nbthread 1\n\n']]),
      before: WEB,
      after: WEB,
    });
    expect(plan.needs.map(formatNeed)).toEqual(['global changed']);
  });

  test('other templates, when all are compared', () => {
    const other = createRenderer(templates({ backend: `${templates().backend.text}  option allbackups\n` }));
    if (!other.ok) throw new Error(other.failure.message);
    const { inputs } = follow(WEB, WEB);
    const plan = planRuntime({ ...inputs, shapes: other.value.shapes, before: WEB, after: WEB, compareAll: true });
    expect(plan.needs.map(formatNeed)).toEqual(['backend-changed web_10000']);
  });
});

describe('servers that were removed and are still there', () => {
  const both = withWeb({ servers: [one, two] });
  const gone = follow(both, WEB, 'C');
  const back = (servers: (typeof web)['servers']) => {
    const after = withWeb({ servers });
    const { leftovers, target: before } = gone.plan;
    return planRuntime({ ...gone.inputs, leftovers, before, after });
  };

  test('one that comes back is let in again, under the id it has', () => {
    const plan = back([one, { ...two, id: 9 }]);
    expect(plan.commands.map(said)).toEqual(['revive-server web_10000/127_0_0_1_8002 id 8003']);
    expect(plan.needs).toEqual([]);
    expect(plan.leftovers.size).toBe(0);
  });

  test('one that comes back with other words needs a reload', () => {
    const plan = back([one, { ...two, check: checked }]);
    expect(plan.commands).toEqual([]);
    expect(plan.needs.map(formatNeed)).toEqual(['server-name-taken web_10000/127_0_0_1_8002']);
  });
});

describe('a spare is used again', () => {
  const api = backend('api_10001', { servers: [two] });
  const API = table({ backends: [api], routes: [route('api.example', api.name)] });
  const first = follow(table(), WEB, 'B', { http: 1 });
  const { loaded, tier } = first.inputs;
  const left = choosePlaces({ before: WEB, after: API, placement: first.placement, loaded, shapes, tier });

  test('not before it was seen empty', () => {
    expect([...left.emptying]).toEqual(['portolan_spare_http-1']);
    expect([...left.unplaced]).toEqual([['api_10001', 'spares-exhausted']]);
    const haproxy = createModelHaproxy('B', 'prefix');
    haproxy.load(table(), first.spares);
    for (const command of first.plan.commands) haproxy.run(command);
    expect(reclaimSpares(left, haproxy.observe())).toBe(left);
    const plan = planRuntime({ ...first.inputs, before: first.plan.target, after: place(API, left.places) });
    for (const command of plan.commands) haproxy.run(command);
    const free = reclaimSpares(left, haproxy.observe());
    expect(free.emptying.size).toBe(0);
    const next = choosePlaces({ before: API, after: API, placement: free, loaded, shapes, tier });
    expect([...next.places]).toEqual([['api_10001', 'portolan_spare_http-1']]);
  });
});
