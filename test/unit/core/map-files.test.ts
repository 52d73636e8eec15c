import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { AppId } from '../../../src/core/app.ts';
import { createMapFiles, type MapFiles } from '../../../src/core/map-files.ts';
import type { BackendName, Route, RoutingTable } from '../../../src/core/routing.ts';

const route = (host: string, path: string | undefined, ignoreCase: boolean, n: number): Route => ({
  match: 'host',
  host,
  ...(path === undefined ? {} : { path }),
  ignoreCase,
  backend: `b${n}` as BackendName,
  app: `/a${n}` as AppId,
  portIndex: 0,
  origin: { from: 'default' },
});

/** Routes of few hosts and paths, some of which HAProxy cannot tell apart: `/Api` and `/api` without regard to case are one row. */
const routes = fc.array(
  fc
    .tuple(
      fc.constantFrom('a.example', 'b.example'),
      fc.constantFrom(undefined, '/Api', '/api', '/API'),
      fc.boolean(),
      fc.nat(3),
    )
    .map((of) => route(...of)),
  { maxLength: 6 },
);

const table = (list: readonly Route[]): RoutingTable => ({ routes: list, services: [], appIds: [], backends: [] });
const lines = (files: ReturnType<MapFiles>) => [...files].map(([map, text]) => [map, text.lines] as const);

test('files that were made anew where they are different say what new ones say', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(routes, fc.nat(6), fc.nat(6)), { minLength: 2, maxLength: 8 }), (steps) => {
      const kept = createMapFiles('prefix');
      let list: readonly Route[] = [];
      for (const [more, from, count] of steps) {
        list = [...list.slice(0, from), ...more, ...list.slice(from + count)];
        expect(lines(kept(table(list)))).toEqual(lines(createMapFiles('prefix')(table(list))));
      }
    }),
  );
});

test('of rows that HAProxy cannot tell apart the first stands there, also once it was the second', () => {
  const [first, second] = [route('a.example', '/Api', true, 1), route('a.example', '/api', true, 2)];
  const files = createMapFiles('prefix');
  const row = (list: readonly Route[]) => files(table(list)).get('maps/paths-nocase.map')?.lines;
  expect(row([first, second])).toEqual(['a.example/api b1\n']);
  expect(row([second])).toEqual(['a.example/api b2\n']);
  expect(row([first, second])).toEqual(['a.example/api b1\n']);
});
