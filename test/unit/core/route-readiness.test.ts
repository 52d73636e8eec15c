import { describe, expect, it } from 'vitest';
import type { App, AppId, Instant } from '../../../src/core/app.ts';
import type { Generation } from '../../../src/core/config.ts';
import type { LiveServer } from '../../../src/core/ports.ts';
import { withoutApps } from '../../../src/core/quarantine.ts';
import { routeReadiness } from '../../../src/core/route-readiness.ts';
import { ROUTE_REASONS } from '../../../src/core/route-reasons.ts';
import type { RoutingTable } from '../../../src/core/routing.ts';
import type { Settings } from '../../../src/core/settings.ts';
import { initialState, type State } from '../../../src/core/state.ts';
import { renderScripted } from '../../support/scripted-core.ts';
import { app, build, SETTINGS, snapshot, task } from './table-rig.ts';

const WEB = app('/web', { labels: { HAPROXY_0_VHOST: 'web.example' } });

interface Scene {
  readonly apps?: readonly App[];
  readonly settings?: Partial<Settings>;
  /** What runs; default: what should run. */
  readonly runs?: RoutingTable | 'nothing';
  readonly state?: Partial<State>;
}

/** A node that has read these apps, and runs what should run unless told otherwise. */
function scene({ apps = [WEB], settings = {}, runs, state = {} }: Scene = {}): State {
  const all = { ...SETTINGS, ...settings };
  const built = build(apps, { settings });
  const table =
    runs === 'nothing' ? withoutApps(built.value, new Set(apps.map((one) => one.id))) : (runs ?? built.value);
  const config = renderScripted(table, 'head');
  const desired = { digest: renderScripted(built.value, 'head').digest, at: 0 };
  const running = { generation: 5 as Generation, config, since: 0 };
  const base = {
    ...initialState('1', all, 0),
    snapshot: snapshot(...apps),
    table: built.value,
    problems: built.problems,
    desired,
    running,
  };
  return { ...base, ...state };
}

const live = (state: LiveServer['state'] = 'up', backend = 'web_10000'): readonly LiveServer[] => [
  { backend, server: 's', address: '10.0.0.1', port: 31_000, state },
];

const judge = (
  state: State,
  servers: readonly LiveServer[] | undefined = live(),
  host = 'web.example',
  path?: string,
) => routeReadiness(state, host, servers, path);

describe('a route that serves', () => {
  it('is ready when the worker has loaded it and a server is up', () => {
    expect(judge(scene())).toEqual({
      vhost: 'web.example',
      ready: true,
      reason: 'Ready',
      message: '1 of 1 servers up.',
      ...ROUTE_REASONS.Ready,
      stale: false,
      app: { id: '/web', version: WEB.version, deployments: [] },
      generation: { desired: 5, running: 5 },
      backend: 'web_10000',
      servers: live(),
    });
  });

  it.each(['WEB.Example', 'web.example.', 'web.example:8080', ' web.example '])('is found as %s', (host) => {
    expect(judge(scene(), live(), host).reason).toBe('Ready');
  });

  it('does not serve while somebody else has every shared address, and does while one is left', () => {
    const settings = { httpBind: [{ address: '*', port: 80 }], httpsBind: [{ address: '*', port: 443 }] };
    const held = (['http-bind', 'https-bind'] as const).map((setting, at) => ({
      bind: { address: '*', port: [80, 443][at] ?? 0 },
      setting,
      since: 0 as Instant,
      why: `thief (pid 7) listens on *:${[80, 443][at]}`,
    }));
    expect(judge(scene({ settings, state: { heldListeners: held.slice(0, 1) } })).reason).toBe('Ready');
    const answer = judge(scene({ settings, state: { heldListeners: held } }));
    expect(answer).toMatchObject({ ready: false, reason: 'PortInUse', terminal: false });
    expect(answer.message).toContain('thief (pid 7) listens on *:80');
  });

  it('stays ready while Marathon is away, and says that it may be outdated', () => {
    const failure = { kind: 'unreachable', endpoint: 'http://m', detail: '' } as const;
    const answer = judge(scene({ state: { sourceFailing: { since: 0, failure } } }));
    expect(answer).toMatchObject({ ready: true, stale: true });
  });

  it('is known after a restart without any answer of Marathon', () => {
    const { snapshot: _, table: __, desired: ___, ...blank } = scene();
    expect(judge(blank)).toMatchObject({
      ready: true,
      stale: true,
      app: { id: '/web' },
      generation: { desired: 5, running: 5 },
    });
    expect(judge(blank, live(), 'other.example')).toMatchObject({ ready: false, reason: 'NoSuchHost' });
  });

  it('may be one of a wildcard, or one path of a host', () => {
    const wild = app('/wild', { labels: { HAPROXY_0_VHOST: '*.wild.example' } });
    const state = scene({ apps: [wild] });
    expect(judge(state, live('up', 'wild_10000'), 'a.wild.example').reason).toBe('Ready');
    expect(judge(state, live('up', 'wild_10000'), 'a.b.wild.example').reason).toBe('NoSuchHost');
  });
});

describe('a host with paths', () => {
  const api = app('/api', { ports: [10_001], labels: { HAPROXY_0_VHOST: 'web.example', HAPROXY_0_PATH: '/api' } });
  const both = [...live(), ...live('down', 'api_10001')];

  it('is judged by its whole-host row, or by the row of the path asked for', () => {
    const state = scene({ apps: [WEB, api] });
    expect(judge(state, both).reason).toBe('Ready');
    expect(judge(state, both, 'web.example', '/api/v1')).toMatchObject({
      ready: false,
      reason: 'NoServerUp',
      backend: 'api_10001',
    });
    expect(judge(state, both, 'web.example', '/other')).toMatchObject({ ready: true, backend: 'web_10000' });
  });

  it('is ready without a whole-host row when all of its paths are', () => {
    const docs = app('/docs', { ports: [10_002], labels: { HAPROXY_0_VHOST: 'web.example', HAPROXY_0_PATH: '/docs' } });
    const state = scene({ apps: [api, docs] });
    expect(judge(state, [...live('up', 'api_10001'), ...live('down', 'docs_10002')]).reason).toBe('NoServerUp');
    expect(judge(state, [...live('up', 'api_10001'), ...live('up', 'docs_10002')]).reason).toBe('Ready');
  });
});

describe('a route that is not loaded', () => {
  const failing = (stage: 'render' | 'validation' | 'reload') =>
    ({ applyFailing: { since: 0, stage, detail: 'its words', diagnostics: [] } }) as const;

  it.each([
    ['WaitingForReload', {}],
    ['RenderFailed', failing('render')],
    ['ValidationFailed', failing('validation')],
    ['ReloadFailed', failing('reload')],
    ['HAProxyDown', { haproxyDown: { since: 0, reason: 'it died' } }],
  ] as const)('%s', (reason, state) => {
    expect(judge(scene({ runs: 'nothing', state }))).toMatchObject({ ready: false, reason, terminal: false });
  });

  it('is not taken for its previous life under the same name', () => {
    const old = build([app('/old', { labels: { HAPROXY_0_VHOST: 'web.example' } })]).value;
    const answer = judge(scene({ runs: old }), live('up', 'old_10000'));
    expect(answer).toMatchObject({ ready: false, reason: 'WaitingForReload', app: { id: '/web' } });
  });

  it('is not believed to run while the worker shows another generation', () => {
    const haproxy = { up: true, oldWorkers: 0, mode: 'managed', generation: 4 as Generation } as const;
    expect(judge(scene({ state: { haproxy } })).reason).toBe('GenerationNotConfirmed');
  });

  it('is not gone before the reload that takes it away', () => {
    const runs = build([WEB]).value;
    const answer = judge(scene({ apps: [], runs }));
    expect(answer).toMatchObject({ ready: false, reason: 'WaitingForReload' });
    expect(answer.message).toContain('still has it');
    const applyFailing = { since: 0, stage: 'reload', detail: 'port taken', diagnostics: [] } as const;
    const stuck = judge(scene({ apps: [], runs, state: { applyFailing } }));
    expect(stuck).toMatchObject({
      ready: false,
      reason: 'ReloadFailed',
      message: expect.stringMatching(/port taken$/),
    });
  });
});

describe('a route without a server that is up', () => {
  const servers = (state: LiveServer['state']) => judge(scene(), live(state));

  it.each(['down', 'maint', 'drain'] as const)('NoServerUp while its server is %s', (state) => {
    expect(servers(state)).toMatchObject({ ready: false, reason: 'NoServerUp' });
    expect(servers(state).message).toBe(`0 of 1 servers up; 10.0.0.1:31000 ${state}.`);
  });

  it('HAProxyDown when HAProxy cannot be asked', () => {
    expect(routeReadiness(scene(), 'web.example', undefined).reason).toBe('HAProxyDown');
    expect(judge(scene({ state: { haproxyDown: { since: 0, reason: 'killed' } } }))).toMatchObject({
      reason: 'HAProxyDown',
      message: 'killed',
    });
  });

  const labels = { HAPROXY_0_VHOST: 'web.example' };
  const none = { endpoints: [] };
  it.each([
    ['AppSuspended', app('/web', { labels, tasks: 0 })],
    ['TaskStaging', { ...app('/web', { labels, tasks: 0 }), instances: 1 }],
    ['TaskStaging', app('/web', { labels, tasks: [task('t', { state: 'staging', ...none })] })],
    ['TaskKilling', app('/web', { labels, tasks: [task('t', { state: 'killing', ...none })] })],
    ['MarathonUnhealthy', app('/web', { labels, tasks: [task('t', { health: 'unhealthy' })] })],
    ['HealthUnknown', app('/web', { labels, tasks: [task('t', { health: 'unknown' })] })],
    [
      'NoAddress',
      app('/web', { labels, tasks: [task('t', { ...none, missing: [{ portIndex: 0, because: 'no-ip-yet' }] })] }),
    ],
    [
      'HostUnresolvable',
      app('/web', {
        labels,
        tasks: [task('t', { ...none, missing: [{ portIndex: 0, because: 'host-unresolvable' }] })],
      }),
    ],
  ] as const)('%s by what Marathon shows', (reason, web) => {
    expect(judge(scene({ apps: [web] }), [])).toMatchObject({ ready: false, reason, terminal: false, servers: [] });
  });

  it('WaitingForReload when the servers are wanted but not loaded', () => {
    const runs = build([app('/web', { labels, tasks: 0 })]).value;
    expect(judge(scene({ runs }), []).reason).toBe('WaitingForReload');
  });
});

describe('a host that nobody may have', () => {
  it('NoSuchHost', () => {
    expect(judge(scene(), live(), 'nobody.example')).toMatchObject({ reason: 'NoSuchHost', terminal: false });
  });

  it('HostnameConflict, told to the loser’s host only', () => {
    const rival = app('/web2', {
      ports: [10_002],
      labels: { HAPROXY_0_VHOST: 'web.example,web2.example' },
      version: '2025-01-01T00:00:00.000Z',
    });
    const state = scene({ apps: [WEB, rival] });
    expect(judge(state).reason).toBe('Ready');
    expect(judge(state, live('up', 'web2_10002'), 'web2.example').reason).toBe('Ready');
  });

  it.each([
    ['WrongGroup', { HAPROXY_0_VHOST: 'web.example', HAPROXY_GROUP: 'internal' }, { group: ['external'] }],
    ['WrongGroup', { HAPROXY_0_VHOST: 'web.example' }, { group: ['external'] }],
    ['NotEnabled', { HAPROXY_0_VHOST: 'web.example', HAPROXY_0_ENABLED: 'false' }, {}],
    ['NotEnabled', { HAPROXY_VHOST: 'web.example' }, { strictMode: true }],
    ['LabelInvalid', { HAPROXY_0_VHOST: 'web.example', HAPROXY_0_AUTH: 'nonsense' }, {}],
  ] as const)('%s', (reason, labels, settings) => {
    const state = scene({
      apps: [app('/web', { labels })],
      settings: { ...settings, group: [...('group' in settings ? settings.group : ['*'])] },
    });
    expect(judge(state)).toMatchObject({ ready: false, reason, terminal: true, app: { id: '/web' } });
  });

  it('HostnameConflict', () => {
    const first = app('/a', { labels: { HAPROXY_0_VHOST: 'web.example' }, ports: [10_001] });
    const second = app('/b', { labels: { HAPROXY_0_VHOST: 'web.example' }, ports: [10_002] });
    const built = build([first, second]);
    const loser = built.problems.find((problem) => problem.code === 'HostnameConflict');
    expect(loser).toBeDefined();
    // Only the loser asks here: the owner has no row, as when it was left out.
    const owner = new Set(built.value.routes.map((route) => route.app));
    const table = withoutApps(built.value, owner);
    const apps = [first, second].filter((one) => !owner.has(one.id));
    expect(judge({ ...scene({ apps: [first, second] }), table, snapshot: snapshot(...apps) })).toMatchObject({
      reason: 'HostnameConflict',
      terminal: true,
    });
  });

  it('Quarantined, with HAProxy’s words', () => {
    const table = withoutApps(build([WEB]).value, new Set<AppId>([WEB.id]));
    const origin = { from: 'app', app: WEB.id } as const;
    const problems = [{ code: 'Quarantined', effect: 'app-excluded', message: 'its words', origin }] as const;
    expect(judge({ ...scene({ runs: 'nothing' }), table, problems })).toMatchObject({
      reason: 'Quarantined',
      message: 'its words',
      terminal: true,
    });
  });
});
