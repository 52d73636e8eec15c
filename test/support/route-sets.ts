import fc from 'fast-check';
import type { App } from '../../src/core/app.ts';
import type { PathMatch } from '../../src/core/path-match.ts';
import type { Route } from '../../src/core/routing.ts';
import { app } from '../unit/core/table-rig.ts';

/** Apps that share the hosts of one domain, and requests to ask for there. */
export interface RouteSet {
  readonly apps: readonly App[];
  readonly requests: readonly { readonly host: string; readonly path: string }[];
}

// Few words, so that prefixes contain each other and differ in case only, more often than not.
const word = fc.constantFrom('api', 'API', 'Api', 'docs', 'DOCS', 'v1', 'V1', 'a', 'ap');
const path = fc
  .tuple(fc.array(word, { minLength: 1, maxLength: 4 }), fc.constantFrom('', '', '', '/', '//'))
  .map(([words, end]) => `/${words.join('/')}${end}`);
const prefixes = fc
  .tuple(fc.boolean(), fc.array(fc.oneof({ weight: 9, arbitrary: path }, fc.constantFrom('/', '//')), { minLength: 1 }))
  .map(([ignoreCase, paths]) => `${ignoreCase ? '-i ' : ''}${paths.slice(0, 4).join(' ')}`);
const labels = fc.record({
  hosts: fc.constantFrom('a', 'a', '*', 'a,*'),
  path: fc.oneof({ weight: 5, arbitrary: prefixes }, fc.constant('')),
  weight: fc.constantFrom('', '', '', '3', '7'),
});
const request = fc.record({
  host: fc.constantFrom('a', 'a', 'b'),
  path: fc.tuple(path, fc.constantFrom('', '', 'x', '/x', '?q=/api')).map(([start, end]) => start + end),
});
const drawn = fc.record({
  services: fc.array(labels, { minLength: 1, maxLength: 6 }),
  requests: fc.array(
    fc.oneof({ weight: 12, arbitrary: request }, fc.record({ host: fc.constant('a'), path: fc.constant('/') })),
    {
      minLength: 12,
      maxLength: 12,
    },
  ),
});

/** Random route sets, each in a domain of its own; `seed` brings them back. */
export function drawRouteSets(count: number, seed: number): readonly RouteSet[] {
  return fc.sample(drawn, { numRuns: count, seed }).map(({ services, requests }, number) => {
    const domain = `set${number}.example`;
    const apps = services.map(({ hosts, path: paths, weight }, index) =>
      app(`/set${number}/app${index}`, {
        ports: [20_000 + number * 10 + index],
        labels: {
          HAPROXY_0_VHOST: hosts
            .split(',')
            .map((host) => `${host}.${domain}`)
            .join(),
          ...(paths === '' ? {} : { HAPROXY_0_PATH: paths }),
          ...(weight === '' ? {} : { HAPROXY_0_BACKEND_WEIGHT: weight }),
        },
      }),
    );
    return { apps, requests: requests.map(({ host, path: asked }) => ({ host: `${host}.${domain}`, path: asked })) };
  });
}

/** Which backend a request belongs to, by the words of the README and nothing of the code: the longest prefix of the host, else of its wildcard. */
export function backendFor(
  routes: readonly Route[],
  request: { readonly host: string; readonly path: string },
  pathMatch: PathMatch,
): string | undefined {
  const asked = request.path.replace(/\?.*/, '');
  const matching = routes.filter(({ path: prefix = '/', ignoreCase }) => {
    const [long, short] = ignoreCase ? [asked.toLowerCase(), prefix.toLowerCase()] : [asked, prefix];
    if (pathMatch === 'prefix') return long.startsWith(short);
    const segments = short.replace(/\/+$/, '');
    return long === segments || long.startsWith(`${segments}/`);
  });
  const length = ({ path: prefix = '' }: Route) =>
    pathMatch === 'prefix' ? prefix.length : prefix.replace(/\/+$/, '').length;
  const longest = (candidates: readonly Route[]): Route | undefined =>
    candidates.toSorted((a, b) => length(b) - length(a) || Number(a.ignoreCase) - Number(b.ignoreCase))[0];
  const parent = request.host.slice(request.host.indexOf('.'));
  const own = longest(matching.filter(({ host }) => host === request.host));
  return (own ?? longest(matching.filter(({ host }) => host === parent)))?.backend;
}
