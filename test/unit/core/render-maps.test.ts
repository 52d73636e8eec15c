import { expect, test } from 'vitest';
import { createMapFiles } from '../../../src/core/map-files.ts';
import { MAP_FILES, type MapFile, mapRows, routeRows } from '../../../src/core/maps.ts';
import type { RoutingTable, ServerName } from '../../../src/core/routing.ts';
import { appIdRoute, asked, backend, HTTP_PROFILE, route, server, table } from '../../support/tables.ts';

const rows = (of: RoutingTable, file: MapFile, match: 'prefix' | 'segment' = 'prefix'): string[] =>
  (createMapFiles(match)(of).get(file)?.lines ?? ['absent\n']).map((line) => line.replace(/\n$/, ''));

const ROUTES = table({
  routes: [
    route('a.example', 'a_1'),
    route('a.example/api', 'api_2'),
    route('a.example/Files/', 'files_3'),
    route('a.example/Old', 'old_4', true),
    route('*.a.example', 'wild_5'),
    route('*.a.example/x', 'wild_6'),
  ],
});

test('every map is there, also an empty one', () => {
  expect([...createMapFiles('prefix')(table())].map(([file, { lines }]) => [file, lines])).toEqual(
    MAP_FILES.map((file) => [file, []]),
  );
});

test('routes go to the map that their kind is looked up in', () => {
  expect(rows(ROUTES, 'maps/hosts.map')).toEqual(['a.example a_1']);
  expect(rows(ROUTES, 'maps/wildcards.map')).toEqual(['.a.example wild_5']);
  expect(rows(ROUTES, 'maps/paths.map')).toEqual([
    'a.example/api api_2',
    'a.example/Files/ files_3',
    '.a.example/x wild_6',
  ]);
  expect(rows(ROUTES, 'maps/paths-nocase.map')).toEqual(['a.example/old old_4']);
});

test('where whole segments match, path keys end in one slash', () => {
  expect(rows(ROUTES, 'maps/paths.map', 'segment')).toEqual([
    'a.example/api/ api_2',
    'a.example/Files/ files_3',
    '.a.example/x/ wild_6',
  ]);
  expect(rows(ROUTES, 'maps/paths-nocase.map', 'segment')).toEqual(['a.example/old/ old_4']);
  expect(rows(table({ routes: [route('a.example/x//', 'x_1')] }), 'maps/paths.map', 'segment')).toEqual([
    'a.example/x/ x_1',
  ]);
});

test('each path has its length beside it, in a map of its own kind', () => {
  expect(rows(ROUTES, 'maps/path-lengths.map')).toEqual(['a.example/api 13', 'a.example/Files/ 16', '.a.example/x 12']);
  expect(rows(ROUTES, 'maps/path-lengths-nocase.map')).toEqual(['a.example/old 13']);
  expect(rows(ROUTES, 'maps/path-lengths.map', 'segment')).toEqual([
    'a.example/api/ 14',
    'a.example/Files/ 16',
    '.a.example/x/ 13',
  ]);
});

test.each(['prefix', 'segment'] as const)('the rows of the routes are those of their maps, by %s', (match) => {
  const ofRoutes = ROUTES.routes.flatMap((one) => routeRows(one, match));
  const ofMaps = MAP_FILES.flatMap((map) =>
    [...mapRows(ROUTES, map, match)].map(([key, value]) => ({ map, key, value })),
  );
  expect(ofRoutes).toHaveLength(10);
  expect(new Set(ofRoutes.map((row) => JSON.stringify(row)))).toEqual(
    new Set(ofMaps.map((row) => JSON.stringify(row))),
  );
});

test('settings of backends are rows', () => {
  const of = table({
    backends: [
      backend('a_1', { hsts: asked(true as const) }),
      backend('b_2', { redirectToHttps: asked(true as const) }),
      backend('c_3'),
    ],
    appIds: [appIdRoute('/prod/web', 'a_1')],
  });
  expect(rows(of, 'maps/hsts.map')).toEqual(['a_1 1']);
  expect(rows(of, 'maps/redirect.map')).toEqual(['b_2 1']);
  expect(rows(of, 'maps/app-ids.map')).toEqual(['/prod/web a_1']);
});

test('a check path has a row for its backend and one for each server that wants another', () => {
  const check = { tls: false, interMs: 1000, fall: 2 };
  const http = backend('a_1', {
    profile: { ...HTTP_PROFILE, check: 'http' },
    checkPath: '/health',
    servers: [
      server(1, { check }),
      server(2, { check: { ...check, path: '/old' } }),
      server(3, { check: { ...check, path: '/health' } }),
    ],
  });
  const of = table({ backends: [http, backend('b_2', { checkPath: '/never-asked' })] });
  expect(rows(of, 'maps/check-paths.map')).toEqual(['a_1/ /health', 'a_1/127_0_0_1_2/ /old']);
});

test('no text makes a second row, a comment or a second word', () => {
  const hostile = backend('a_1', {
    profile: { ...HTTP_PROFILE, check: 'http' },
    checkPath: '/x\nevil /y\u2028',
    servers: [server(1, { name: '#s t' as ServerName, check: { tls: false, interMs: 1, fall: 1, path: '#/z\r' } })],
  });
  expect(rows(table({ backends: [hostile] }), 'maps/check-paths.map')).toEqual([
    'a_1/ /x%0Aevil%20/y%E2%80%A8',
    'a_1/#s%20t/ %23/z%0D',
  ]);
  expect(rows(table({ routes: [route('#a.example/b c', 'a_1')] }), 'maps/paths.map')).toEqual([
    '%23a.example/b%20c a_1',
  ]);
});

test('files follow a table from change to change, and say what the rows say', () => {
  const files = createMapFiles('prefix');
  const checked = backend('a_1', { profile: { ...HTTP_PROFILE, check: 'http' }, checkPath: '/health' });
  const tables = [
    table(),
    ROUTES,
    table({ routes: ROUTES.routes.slice(2), appIds: [appIdRoute('/a', 'a_1')], backends: [checked] }),
    table({ routes: [...ROUTES.routes, route('b.example', 'b_1')], backends: [checked, backend('b_1')] }),
    table({ routes: ROUTES.routes, backends: [{ ...checked, hsts: asked(true) }] }),
    table(),
  ];
  for (const of of tables) {
    const now = files(of);
    for (const file of MAP_FILES) {
      const expected = [...mapRows(of, file, 'prefix')].map(([key, value]) => `${key} ${value}\n`);
      expect(now.get(file)?.lines, file).toEqual(expected);
    }
  }
});

test('a file that says the same is the same object', () => {
  const files = createMapFiles('prefix');
  const before = files(ROUTES);
  const hosts = before.get('maps/hosts.map');
  const after = files(
    table({ ...ROUTES, routes: ROUTES.routes.map((one) => ({ ...one })), backends: [backend('a_1')] }),
  );
  expect(after.get('maps/hosts.map')).toBe(hosts);
});
