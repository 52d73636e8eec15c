import fc from 'fast-check';
import type { CheckKind, Route, RoutingTable } from '../../src/core/routing.ts';
import { byRoute } from '../../src/core/table-diff.ts';
import { type AppParts, type AppState, makeParts, type TaskState } from './random-parts.ts';
import { table } from './tables.ts';

/** One change of one app. */
export interface AppChange {
  readonly app: number;
  readonly what: (typeof WHATS)[number];
  readonly n: number;
}

const WHATS = [
  'scale',
  'scale',
  'replace',
  'replace',
  'replace-all',
  'return',
  'drain',
  'hosts',
  'hosts',
  'many-hosts',
  'shared',
  'shared',
  'steal',
  'case',
  'check',
  'check-path',
  'task-path',
  'inter',
  'sticky',
  'balance',
  'auth',
  'hsts',
  'redirect',
  'mode',
  'service',
  'range',
  'range',
  'remove',
  'create',
  'create',
  'create',
] as const;

const APPS = 12;
const CHECKS: readonly CheckKind[] = ['none', 'tcp', 'http', 'https'];

/** Any change. */
export const appChange: fc.Arbitrary<AppChange> = fc.record({
  app: fc.nat(APPS - 1),
  what: fc.constantFrom(...WHATS),
  n: fc.nat(9),
});

/** Apps that change, and their routing table; what did not change keeps its identity. */
export interface RandomApps {
  change(change: AppChange): void;
  table(): RoutingTable;
}

/** Half of the apps are there. */
export function createRandomApps(): RandomApps {
  const apps = new Map<number, AppState>();
  const parts = new WeakMap<AppState, AppParts>();
  for (let app = 0; app < APPS / 2; app++) apps.set(app, newApp(app));
  let nextPort = 20_000;

  const partsOf = (app: number, state: AppState): AppParts => {
    const known = parts.get(state) ?? makeParts(app, state);
    parts.set(state, known);
    return known;
  };
  return {
    change({ app, what, n }) {
      const is = apps.get(app);
      if (is === undefined) {
        if (what === 'create' || what === 'scale') apps.set(app, newApp(app));
        return;
      }
      // A task's port is another app's once it is lost.
      if (what === 'steal') for (const [other, state] of apps) apps.set(other, withoutTask(state, stolen(n)));
      if (what === 'remove') apps.delete(app);
      else apps.set(app, { ...is, ...changed(apps.get(app) ?? is, what, n, app, () => nextPort++) });
    },
    table() {
      const all = [...apps].sort(([a], [b]) => a - b).map(([app, state]) => partsOf(app, state));
      return table({
        // What nothing leads to is in no table.
        backends: all.flatMap((part) => (part.appIds.length + part.services.length > 0 ? [part.backend] : [])),
        routes: firstOfEach(all.flatMap((part) => part.routes)).sort(byRoute),
        appIds: all.flatMap((part) => part.appIds).sort((a, b) => (a.appId < b.appId ? -1 : 1)),
        services: all.flatMap((part) => part.services),
      });
    },
  };
}

/** Several apps want a host: the first one has it. */
function firstOfEach(routes: readonly Route[]): Route[] {
  const seen = new Set<string>();
  return routes.filter(({ host, path, ignoreCase }) => {
    const key = [host, path, ignoreCase].join(' ');
    return !seen.has(key) && seen.add(key);
  });
}

const stolen = (n: number): number => 15_000 + n;

const withoutTask = (state: AppState, port: number): AppState =>
  state.tasks.some((task) => task.port === port)
    ? { ...state, tasks: state.tasks.filter((task) => task.port !== port) }
    : state;

const newApp = (app: number): AppState => ({
  tasks: [{ port: 10_000 + app * 10, maint: false }],
  hosts: [`app${app}.example`],
  ignoreCase: false,
  check: CHECKS[app % 3] ?? 'none',
  checkPath: '/health',
  interMs: 5_000,
  sticky: app % 5 === 4,
  leastconn: false,
  auth: false,
  hsts: false,
  redirect: false,
  tcp: false,
  service: app === 1,
  inRange: app % 2 === 1,
});

function changed(is: AppState, what: AppChange['what'], n: number, app: number, port: () => number): Partial<AppState> {
  const fresh = (): TaskState => ({ port: port(), maint: false });
  switch (what) {
    case 'scale': {
      const more = Array.from({ length: Math.max(0, (n % 5) - is.tasks.length) }, fresh);
      return { tasks: [...is.tasks.slice(0, n % 5), ...more] };
    }
    case 'replace':
      return { tasks: [...is.tasks.slice(1), fresh()] };
    case 'replace-all':
      return { tasks: is.tasks.map(fresh) };
    case 'return': {
      const back = 10_000 + app * 10 + (n % 3);
      const there = is.tasks.filter((task) => task.port !== back);
      return { tasks: there.length < is.tasks.length ? there : [...there, { port: back, maint: false }] };
    }
    case 'drain':
      return { tasks: is.tasks.map((task, at) => (at === n % 3 ? { ...task, maint: !task.maint } : task)) };
    case 'hosts':
      return {
        hosts: [[], [`app${app}.example`], [`app${app}.example/a`, `*.app${app}.example`, 'x.example']][n % 3] ?? [],
      };
    case 'many-hosts':
      return { hosts: Array.from({ length: 40 + n * 4 }, (_, at) => `h${at}.app${app}.example${n % 2 ? '/p' : ''}`) };
    case 'shared': {
      const kept = is.hosts.filter((host) => !host.includes('shared.example'));
      const shared = ['shared.example', 'shared.example/a', '*.shared.example'].slice(0, (n % 3) + 1);
      return { hosts: kept.length < is.hosts.length ? kept : [...kept, ...shared] };
    }
    case 'steal':
      return { tasks: [...is.tasks, { port: stolen(n), maint: false }] };
    case 'case':
      return { ignoreCase: !is.ignoreCase };
    case 'check':
      return { check: CHECKS[n % 4] ?? 'none' };
    case 'check-path':
      return { checkPath: `/health/${n}` };
    case 'task-path':
      return { tasks: is.tasks.map((task, at) => (at === 0 ? { ...task, path: `/own/${n}` } : task)) };
    case 'inter':
      return { interMs: 1_000 * (n + 1) };
    case 'sticky':
      return { sticky: !is.sticky };
    case 'balance':
      return { leastconn: !is.leastconn };
    case 'auth':
      return { auth: !is.auth };
    case 'hsts':
      return { hsts: !is.hsts };
    case 'redirect':
      return { redirect: !is.redirect };
    case 'mode':
      return { tcp: n === 0 };
    case 'service':
      return { service: !is.service };
    case 'range':
      return { inRange: n > 3, service: is.service || n > 5 };
    default:
      return {};
  }
}
