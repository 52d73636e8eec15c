import { describe, expect, it } from 'vitest';
import { NO_CERTIFICATES } from '../../../src/core/certificates.ts';
import type { Generation, RenderedConfig } from '../../../src/core/config.ts';
import { createRenderer } from '../../../src/core/render.ts';
import { countRoutes, routesView } from '../../../src/core/routes-view.ts';
import { rowsFor } from '../../../src/core/served.ts';
import { servedBy, servedCount } from '../../../src/core/served-config.ts';
import { servedByText } from '../../../src/core/served-text.ts';
import { initialState } from '../../../src/core/state.ts';
import { route, templates } from '../../support/tables.ts';
import { app, build, SETTINGS } from './table-rig.ts';

const APPS = [
  app('/shop/web', {
    labels: { HAPROXY_0_VHOST: 'Shop.example,*.shop.example', HAPROXY_GROUP: 'external' },
    tasks: 2,
  }),
  app('/shop/api', {
    ports: [10_100],
    labels: { HAPROXY_0_VHOST: 'shop.example', HAPROXY_0_PATH: '-i /API', HAPROXY_0_PORT: '10100' },
  }),
  app('/shop/docs', { ports: [10_200], labels: { HAPROXY_0_VHOST: 'docs.example', HAPROXY_0_PATH: '/v2 /v1' } }),
  app('/db', { ports: [10_300], labels: { HAPROXY_0_BIND_ADDR: '10.1.2.3,::1' } }),
];

/** What the real builder and the real templates make of the apps. */
function rendered(pathMatch: 'prefix' | 'segment'): {
  config: RenderedConfig;
  table: ReturnType<typeof build>['value'];
} {
  const { value: table } = build(APPS, { settings: { pathMatch } });
  const renderer = createRenderer(templates());
  if (!renderer.ok) throw new Error(renderer.failure.message);
  const place = { runtimeSocket: 'run/haproxy.sock', stateFile: 'server-state' };
  const config = renderer.value.render(table, { ...SETTINGS, pathMatch }, NO_CERTIFICATES, place);
  if (!config.ok) throw new Error(config.failure.message);
  return { config: config.value, table };
}

describe('servedBy', () => {
  it.each(['prefix', 'segment'] as const)(
    'tells the same of a table as of the text that was made of it (%s)',
    (pathMatch) => {
      const { config } = rendered(pathMatch);
      expect(servedBy(config)).toEqual(servedByText(config));
      expect(servedCount(config)).toBe(servedBy(config).routes.length + servedBy(config).services.length);
      expect(servedBy(config).routes.length).toBeGreaterThan(4);
    },
  );

  it('reads the routes back from the files that the renderer writes', () => {
    const { config } = rendered('prefix');
    expect(
      servedBy(config).routes.map(({ match, host, path, ignoreCase, app: owner }) => ({
        match,
        host,
        path,
        ignoreCase,
        owner,
      })),
    ).toEqual([
      { match: 'wildcard', host: '.shop.example', path: undefined, ignoreCase: false, owner: '/shop/web' },
      { match: 'host', host: 'docs.example', path: '/v1', ignoreCase: false, owner: '/shop/docs' },
      { match: 'host', host: 'docs.example', path: '/v2', ignoreCase: false, owner: '/shop/docs' },
      { match: 'host', host: 'shop.example', path: undefined, ignoreCase: false, owner: '/shop/web' },
      { match: 'host', host: 'shop.example', path: '/api', ignoreCase: true, owner: '/shop/api' },
    ]);
  });

  it('reads services and servers back', () => {
    const { config, table } = rendered('prefix');
    const served = servedBy(config);
    expect(served.services.map(({ address, port, app: owner }) => `${address} ${port} ${owner}`)).toEqual([
      '* 10000 /shop/web',
      '* 10100 /shop/api',
      '* 10200 /shop/docs',
      '10.1.2.3 10300 /db',
      '::1 10300 /db',
    ]);
    expect(
      [...served.backends].map(([name, backend]) => [name, backend.app, backend.servers.map((server) => server.name)]),
    ).toEqual(
      table.backends.map((backend) => [backend.name, backend.app, backend.servers.map((server) => server.name)]),
    );
  });

  it('reads nothing from a configuration without maps', () => {
    expect(servedBy({ files: new Map(), owners: [], digest: '' })).toEqual({
      routes: [],
      services: [],
      backends: new Map(),
    });
  });
});

describe.each(['prefix', 'segment'] as const)('what runs and what should run, by %s', (pathMatch) => {
  const { config, table } = rendered(pathMatch);
  const running = { generation: 4 as Generation, config, since: 0 };
  const state = { ...initialState('1', { ...SETTINGS, pathMatch }, 0), running };

  it('are recognised as the same rows', () => {
    const view = routesView({ ...state, table });
    expect(countRoutes({ ...state, table })).toEqual({ serving: 10, pending: 0, leaving: 0 });
    expect(view.map((row) => row.state)).toEqual(Array.from({ length: 10 }, () => 'serving'));
    expect(view.map((row) => row.route)).toEqual([
      '*.shop.example',
      'docs.example/v1',
      'docs.example/v2',
      'shop.example',
      'shop.example/API',
      '*:10000',
      '*:10100',
      '*:10200',
      '10.1.2.3:10300',
      '[::1]:10300',
    ]);
  });

  it('are told apart where they differ', () => {
    const other = build(
      [...APPS.slice(1), app('/new', { ports: [10_400], labels: { HAPROXY_0_VHOST: 'new.example' } })],
      {
        settings: { pathMatch },
      },
    ).value;
    const view = routesView({ ...state, table: other });
    const states = new Map(view.map((row) => [row.route, row.state]));
    const count = (word: string) => view.filter((row) => row.state === word).length;
    expect(countRoutes({ ...state, table: other })).toEqual({
      serving: count('serving'),
      pending: count('pending'),
      leaving: count('leaving'),
    });
    expect(states.get('shop.example')).toBe('leaving');
    expect(states.get('*:10000')).toBe('leaving');
    expect(states.get('new.example')).toBe('pending');
    expect(states.get('docs.example/v1')).toBe('serving');
  });

  it('are both known without a table, after a restart with Marathon gone', () => {
    const view = routesView(state);
    expect(view).toHaveLength(10);
    expect(view.every((row) => row.state === 'serving')).toBe(true);
    expect(view.find((row) => row.route === 'shop.example')).toMatchObject({ app: '/shop/web', kind: 'http' });
    expect(view.find((row) => row.route === 'shop.example')?.servers).toHaveLength(2);
  });
});

describe('rowsFor', () => {
  const { routes } = servedBy(rendered('prefix').config);
  const found = (host: string, path?: string, by: 'prefix' | 'segment' = 'prefix') =>
    rowsFor(routes, host, by, path).map((row) => `${row.host}${row.path ?? ''}`);

  it('puts the longest path first, and the host before its wildcard', () => {
    expect(found('shop.example', '/api/x')).toEqual(['shop.example/api', 'shop.example']);
    expect(found('shop.example', '/APIX')).toEqual(['shop.example/api', 'shop.example']);
    expect(found('shop.example', '/apix', 'segment')).toEqual(['shop.example']);
    expect(found('shop.example', '/api', 'segment')).toEqual(['shop.example/api', 'shop.example']);
    expect(found('a.shop.example', '/')).toEqual(['.shop.example']);
  });

  const mixed = [
    route('mixed.example/api', 'minds_1'),
    route('mixed.example/API/docs', 'ignores_2', true),
    route('mixed.example/api/docs/v1', 'minds_1'),
    route('mixed.example/same', 'minds_1'),
    route('mixed.example/SAME/', 'ignores_2', true),
  ];
  const best = (path: string, by: 'prefix' | 'segment') => rowsFor(mixed, 'mixed.example', by, path)[0]?.backend;

  it.each(['prefix', 'segment'] as const)('puts the longest path first whether or not case matters, by %s', (by) => {
    expect(['/api', '/api/docs', '/API/docs/v1', '/api/docs/v1'].map((path) => best(path, by))).toEqual([
      'minds_1',
      'ignores_2',
      'ignores_2',
      'minds_1',
    ]);
  });

  it('puts the row whose case matters before one of the same length', () => {
    expect(best('/same/x', 'segment')).toBe('minds_1');
    expect(best('/same/x', 'prefix')).toBe('ignores_2');
  });

  it('finds no row for a name below, above or beside', () => {
    expect(found('a.b.shop.example')).toEqual([]);
    expect(found('example')).toEqual([]);
    expect(found('docs.example', '/v3')).toEqual([]);
  });
});
