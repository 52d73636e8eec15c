import { describe, expect, it } from 'vitest';
import type { AppId } from '../../../src/core/app.ts';
import { NO_CERTIFICATES } from '../../../src/core/certificates.ts';
import { routeChanges } from '../../../src/core/changes.ts';
import { NO_MEMORY } from '../../../src/core/memory.ts';
import type { Backend, BackendName, RoutingTable } from '../../../src/core/routing.ts';
import { buildScripted, scriptedApp, snapshotOf } from '../../support/scripted-core.ts';
import { SCRIPTED_SETTINGS } from '../../support/scripted-ports.ts';

const table = (...apps: Parameters<typeof snapshotOf>[0]): RoutingTable =>
  buildScripted(snapshotOf(apps), SCRIPTED_SETTINGS, NO_CERTIFICATES, NO_MEMORY).value;

const shown = (before: RoutingTable | undefined, after: RoutingTable): readonly string[] =>
  routeChanges(before, after).map(({ change, app, what }) => `${change} ${app} ${what}`);

const withBackend = (of: RoutingTable, change: (backend: Backend) => Backend): RoutingTable => ({
  ...of,
  backends: of.backends.map(change),
});

describe('routeChanges', () => {
  it('finds everything new without a table before', () => {
    expect(shown(undefined, table(scriptedApp('/a', 2)))).toEqual([
      'route-added /a a.example',
      'server-added /a 10.0.0.1:31000',
      'server-added /a 10.0.0.1:31001',
    ]);
  });

  it('finds nothing between equal tables, identical or not', () => {
    const one = table(scriptedApp('/a'));
    expect(shown(one, one)).toEqual([]);
    expect(shown(one, table(scriptedApp('/a')))).toEqual([]);
  });

  it('finds what went', () => {
    expect(shown(table(scriptedApp('/a'), scriptedApp('/b', 2)), table(scriptedApp('/b', 1)))).toEqual([
      'route-removed /a a.example',
      'server-removed /b 10.0.0.1:31001',
      'server-removed /a 10.0.0.1:31000',
    ]);
  });

  it('tells a changed backend from a changed server', () => {
    const one = table(scriptedApp('/a'));
    const other = withBackend(one, (backend) => ({ ...backend, checkPath: '/health' }));
    expect(shown(one, other)).toEqual(['backend-changed /a a_10000']);
    const drained = withBackend(one, (backend) => ({
      ...backend,
      servers: backend.servers.map((server) => ({ ...server, admission: 'maint' as const })),
    }));
    expect(shown(one, drained)).toEqual(['server-changed /a 10.0.0.1:31000']);
  });

  it('takes a route to another backend for a new one', () => {
    const one = table(scriptedApp('/a'));
    const moved = { ...one, routes: one.routes.map((route) => ({ ...route, backend: 'other_1' as BackendName })) };
    expect(shown(one, moved)).toEqual(['route-added /a a.example', 'route-removed /a a.example']);
  });

  it('names paths, wildcards and services as people do', () => {
    const one = table();
    const origin = { from: 'default' } as const;
    const backend = 'a_1' as BackendName;
    const app = '/a' as AppId;
    const after: RoutingTable = {
      ...one,
      routes: [
        { match: 'wildcard', host: '.a.example', ignoreCase: false, backend, app, portIndex: 0, origin },
        { match: 'host', host: 'a.example', path: '/api', ignoreCase: true, backend, app, portIndex: 0, origin },
      ],
      services: [
        {
          name: backend,
          mode: 'tcp',
          binds: [{ address: '*', port: 10_000, options: [] }],
          backend,
          app,
          portIndex: 0,
          origin,
        },
        {
          name: backend,
          mode: 'tcp',
          binds: [
            { address: '::1', port: 10_001, options: [] },
            { address: '10.0.0.1', port: 10_001, options: [] },
          ],
          backend,
          app,
          portIndex: 1,
          origin,
        },
      ],
    };
    expect(shown(one, after)).toEqual([
      'route-added /a *.a.example',
      'route-added /a a.example/api',
      'service-added /a 10000',
      'service-added /a [::1]:10001,10.0.0.1:10001',
    ]);
  });
});
