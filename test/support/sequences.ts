import fc from 'fast-check';
import type { Instant, Snapshot } from '../../src/core/app.ts';
import type { JsonRecord } from '../../src/core/json.ts';
import { keepIdentity, NO_LOOKUPS, parseSnapshot } from '../../src/core/snapshot.ts';
import { hostileLabels } from './hostile-apps.ts';

/** Sequences of what Marathon says: a few apps that come, go and change, and that want the same things. */

/** Names that are groups, flatten to one, or differ in case only. */
export const SEQUENCE_IDS = ['/a', '/b', '/a/b', '/a_b', '/A', '/shop'] as const;
const VERSIONS = ['2024-01-01T00:00:00.000Z', '2025-01-01T00:00:00.000Z', '2026-01-01T00:00:00.000Z'];

const CLAIMS = [
  ...['HAPROXY_0_VHOST', 'HAPROXY_1_VHOST', 'HAPROXY_0_PATH', 'HAPROXY_0_BACKEND_WEIGHT', 'HAPROXY_0_PORT'],
  ...['HAPROXY_1_PORT', 'HAPROXY_0_BIND_ADDR', 'HAPROXY_0_STICKY', 'HAPROXY_0_MODE', 'HAPROXY_0_AUTH'],
  ...['HAPROXY_0_ENABLED', 'HAPROXY_0_SSL_CERT', 'HAPROXY_DEPLOYMENT_GROUP', 'HAPROXY_DEPLOYMENT_STARTED_AT'],
  ...['HAPROXY_DEPLOYMENT_NEW_INSTANCES', 'HAPROXY_DEPLOYMENT_TARGET_INSTANCES'],
];
const WORDS = [
  ...['a.example', 'b.example,a.example', '*.example', 'c.example', '/a', '/a /a/b', '-i /A', '5', '1'],
  ...['10000', '10001', '10.0.0.1', '*', 'true', 'http', 'tcp', 'shop', 'a', '2024-05-01T00:00:00', 'web.pem'],
  'r:u:$5$sAlt$kDpXlWhbsLU',
];
type Labels = Readonly<Record<string, string>>;
const plainLabels: fc.Arbitrary<Labels> = fc
  .array(fc.tuple(fc.constantFrom(...CLAIMS), fc.constantFrom(...WORDS)), { maxLength: 4 })
  .map((pairs) => ({ HAPROXY_0_VHOST: 'a.example', ...Object.fromEntries(pairs) }));
const labels = fc.oneof({ weight: 7, arbitrary: plainLabels }, { weight: 1, arbitrary: hostileLabels });

/** What Marathon knows of an app. */
interface Listed {
  readonly labels: Labels;
  readonly tasks: number;
  readonly version: string;
  readonly checked: boolean;
  readonly alive: boolean | undefined;
}

/** One thing that happens. `app` is an index of `SEQUENCE_IDS`. */
export type Move =
  | { readonly what: 'add'; readonly app: number; readonly listed: Listed }
  | { readonly what: 'remove'; readonly app: number }
  | { readonly what: 'relabel'; readonly app: number; readonly labels: Labels }
  | { readonly what: 'scale'; readonly app: number; readonly tasks: number }
  | { readonly what: 'health'; readonly app: number; readonly alive: boolean }
  /** Another master leads: it knows no results yet. */
  | { readonly what: 'leader' }
  /** Portolan starts again, with what it remembers. */
  | { readonly what: 'restart' };

const app = fc.nat(SEQUENCE_IDS.length - 1);
const tasks = fc.nat(3);
const add = fc.record({
  what: fc.constant('add' as const),
  app,
  listed: fc.record({
    labels,
    tasks,
    version: fc.constantFrom(...VERSIONS),
    checked: fc.boolean(),
    alive: fc.constantFrom(true, true, false, undefined),
  }),
});
const move: fc.Arbitrary<Move> = fc.oneof(
  { weight: 3, arbitrary: add },
  { weight: 2, arbitrary: fc.record({ what: fc.constant('remove' as const), app }) },
  { weight: 3, arbitrary: fc.record({ what: fc.constant('relabel' as const), app, labels }) },
  { weight: 2, arbitrary: fc.record({ what: fc.constant('scale' as const), app, tasks }) },
  { weight: 2, arbitrary: fc.record({ what: fc.constant('health' as const), app, alive: fc.boolean() }) },
  { weight: 1, arbitrary: fc.constant({ what: 'leader' as const }) },
  { weight: 1, arbitrary: fc.constant({ what: 'restart' as const }) },
);
/** What happens before each look at Marathon. */
export const sequence: fc.Arbitrary<readonly (readonly Move[])[]> = fc
  .tuple(fc.array(add, { minLength: 1, maxLength: 3 }), fc.array(move, { minLength: 1, maxLength: 3 }))
  .map(([first, then]): readonly (readonly Move[])[] => [first, ...then.map((one) => [one])]);

/** Marathon as it is on the way through a sequence. */
export interface PlayedMarathon {
  /** True: Portolan starts again. */
  play(moves: readonly Move[]): boolean;
  /** What did not change is the same object as last time. */
  snapshot(): Snapshot;
}

/** Knows no app. */
export function createPlayedMarathon(): PlayedMarathon {
  const apps = new Map<number, Listed>();
  let last: Snapshot | undefined;
  let day = 1;

  const change = (app: number, said: Partial<Listed>): void => {
    const is = apps.get(app);
    if (is !== undefined) apps.set(app, { ...is, ...said });
  };

  function play(one: Move): void {
    switch (one.what) {
      case 'add':
        apps.set(one.app, one.listed);
        return;
      case 'remove':
        apps.delete(one.app);
        return;
      case 'relabel':
        change(one.app, { labels: one.labels, version: `2026-02-${String(day).padStart(2, '0')}T00:00:00.000Z` });
        return;
      case 'scale':
        change(one.app, { tasks: one.tasks });
        return;
      case 'health':
        change(one.app, { alive: one.alive });
        return;
      case 'leader':
        for (const app of apps.keys()) change(app, { alive: undefined });
    }
  }

  return {
    play(moves) {
      day += 1;
      moves.forEach(play);
      return moves.some(({ what }) => what === 'restart');
    },
    snapshot() {
      const listed = [...apps].map(([app, is]) => asMarathonSays(app, is));
      const read = parseSnapshot({ apps: listed }, 0 as Instant, NO_LOOKUPS);
      if (!read.ok) throw new Error(read.failure.detail);
      last = keepIdentity(last, read.value.value);
      return last;
    },
  };
}

function asMarathonSays(app: number, { labels, tasks, version, checked, alive }: Listed): JsonRecord {
  const id = SEQUENCE_IDS[app] ?? '';
  return {
    id,
    version,
    versionInfo: { lastScalingAt: version, lastConfigChangeAt: version },
    instances: tasks,
    labels,
    networks: [{ mode: 'host' }],
    portDefinitions: [{ port: 10_000 + app }, { port: 10_010 + app }],
    healthChecks: checked ? [{ protocol: 'HTTP', path: '/health', portIndex: 0 }] : [],
    tasks: Array.from({ length: tasks }, (_, n) => ({
      // Unique among all apps, as Mesos has them.
      id: `${app}.${n}`,
      version,
      state: 'TASK_RUNNING',
      host: `10.0.0.${n + 1}`,
      ports: [31_000 + app * 10 + n, 32_000 + app * 10 + n],
      healthCheckResults: alive === undefined ? [] : [{ alive, lastFailure: version }],
    })),
  };
}
