import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Instant, Snapshot } from '../../../src/core/app.ts';
import { buildRoutingTable, createBuilder } from '../../../src/core/build.ts';
import { NO_CERTIFICATES } from '../../../src/core/certificates.ts';
import type { JsonRecord } from '../../../src/core/json.ts';
import type { Memory } from '../../../src/core/memory.ts';
import { NO_MEMORY } from '../../../src/core/memory.ts';
import { createRenderer, type Renderer } from '../../../src/core/render.ts';
import { keepIdentity, NO_LOOKUPS, parseSnapshot } from '../../../src/core/snapshot.ts';
import { templates } from '../../support/tables.ts';
import { CERTIFICATES, SETTINGS } from './table-rig.ts';

const PLACE = { runtimeSocket: '/run/haproxy.sock', stateFile: '/run/server-state' };
const VERSIONS = ['2024-01-01T00:00:00.000Z', '2025-01-01T00:00:00.000Z', '2026-01-01T00:00:00.000Z'];
/** Names that are groups, flatten to one, or differ in case only. */
const IDS = ['/a', '/b', '/a/b', '/a_b', '/A', '/shop'];

const labels = fc.dictionary(
  fc.constantFrom(
    'HAPROXY_0_VHOST',
    'HAPROXY_1_VHOST',
    'HAPROXY_0_PATH',
    'HAPROXY_0_BACKEND_WEIGHT',
    'HAPROXY_0_PORT',
    'HAPROXY_1_PORT',
    'HAPROXY_0_BIND_ADDR',
    'HAPROXY_0_STICKY',
    'HAPROXY_0_MODE',
    'HAPROXY_0_AUTH',
    'HAPROXY_0_ENABLED',
    'HAPROXY_DEPLOYMENT_GROUP',
    'HAPROXY_DEPLOYMENT_STARTED_AT',
    'HAPROXY_DEPLOYMENT_NEW_INSTANCES',
    'HAPROXY_DEPLOYMENT_TARGET_INSTANCES',
  ),
  fc.constantFrom(
    ...['a.example', 'b.example,a.example', '*.example', '/a', '/a /a/b', '-i /A', '5', '1', '10000', '10001'],
    ...['10.0.0.1', '*', 'true', 'http', 'tcp', 'shop', 'a', '2024-05-01T00:00:00', 'r:u:$5$sAlt$kDpXlWhbsLU'],
  ),
  { maxKeys: 5 },
);
const tasks = fc.array(
  fc.record({
    n: fc.nat(4),
    version: fc.constantFrom(...VERSIONS),
    state: fc.constantFrom('TASK_RUNNING', 'TASK_RUNNING', 'TASK_KILLING', 'TASK_UNREACHABLE'),
    alive: fc.constantFrom(true, false, undefined),
    ready: fc.constantFrom(true, false, undefined, undefined),
  }),
  { maxLength: 3 },
);
const drawn = fc.record({
  labels,
  tasks,
  version: fc.constantFrom(...VERSIONS),
  checked: fc.boolean(),
  awaited: fc.boolean(),
  deployed: fc.boolean(),
  ownAddress: fc.boolean(),
  bound: fc.constantFrom<Readonly<Record<string, string>>>(
    {},
    { HAPROXY_0_SSL_CERT: 'web.pem' },
    { HAPROXY_0_SSL_CERT: 'web.pem', HAPROXY_0_BIND_OPTIONS: 'verify required ca-file ca.pem' },
  ),
});
/** What becomes of each app in one step: it stays as it is, goes, or is another. */
const step = fc.array(
  fc.oneof({ weight: 3, arbitrary: fc.constant('stays' as const) }, fc.constant('gone' as const), drawn),
  {
    minLength: IDS.length,
    maxLength: IDS.length,
  },
);

/** Unique among all apps, as Mesos has them. */
const taskId = (app: string, n: number): string => `${app.slice(1).replaceAll('/', '-')}.${n}`;

function asMarathonSays(
  id: string,
  {
    labels,
    tasks,
    version,
    checked,
    awaited,
    deployed,
    ownAddress,
    bound,
  }: typeof drawn extends fc.Arbitrary<infer D> ? D : never,
): JsonRecord {
  return {
    id,
    version,
    instances: tasks.length,
    labels: { ...labels, ...bound },
    ...(ownAddress
      ? {
          networks: [{ mode: 'container', name: 'n' }],
          container: { portMappings: [{ containerPort: 80 }, { containerPort: 81 }] },
        }
      : { networks: [{ mode: 'host' }], portDefinitions: [{ port: 10_000 }, { port: 10_001 }] }),
    healthChecks: checked ? [{ protocol: 'HTTP', path: '/health', portIndex: 0 }] : [],
    readinessChecks: awaited ? [{ name: 'ready' }] : [],
    deployments: deployed ? [{ id: 'd' }] : [],
    readinessCheckResults: tasks.flatMap(({ n, ready }) =>
      ready === undefined ? [] : [{ taskId: taskId(id, n), ready }],
    ),
    tasks: tasks.map(({ n, version: launched, state, alive }) => ({
      id: taskId(id, n),
      version: launched,
      state,
      host: `10.0.0.${n + 1}`,
      ports: ownAddress ? [] : [31_000 + n, 32_000 + n],
      ipAddresses: ownAddress ? [{ ipAddress: `9.0.0.${n + 1}` }] : [],
      healthCheckResults: alive === undefined ? [] : [{ alive, lastFailure: version }],
    })),
  };
}

function read(apps: readonly JsonRecord[]): Snapshot {
  const read = parseSnapshot({ apps }, 0 as Instant, NO_LOOKUPS);
  if (!read.ok) throw new Error(read.failure.detail);
  return read.value.value;
}

function freshRenderer(): Renderer {
  const made = createRenderer(templates());
  if (!made.ok) throw new Error(made.failure.message);
  return made.value;
}

/** Remembers texts by identity, so it knows nothing of tables that are built anew. */
const stranger = freshRenderer();

/** All that is remembered, sorted: in which order it was learned means nothing. */
const contents = ({ claims, health, readiness, autoPorts }: Memory) =>
  [claims, health, readiness, autoPorts].map((map) => [...map].map((entry) => entry.join(' ')).sort());

test('whatever came before, remembering never shows: the same apps and memory give the same bytes', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(step, fc.boolean()), { minLength: 2, maxLength: 6 }), (steps) => {
      const builder = createBuilder();
      const renderer = freshRenderer();
      let apps: readonly (JsonRecord | undefined)[] = IDS.map(() => undefined);
      let snapshot: Snapshot | undefined;
      let memory = NO_MEMORY;
      for (const [changes, hasCertificates] of steps) {
        const certificates = hasCertificates ? CERTIFICATES : NO_CERTIFICATES;
        apps = apps.map((app, index) => {
          const change = changes[index] ?? 'stays';
          if (change === 'stays') return app;
          return change === 'gone' ? undefined : asMarathonSays(IDS[index] ?? '', change);
        });
        const listed = apps.filter((app) => app !== undefined);
        snapshot = keepIdentity(snapshot, read(listed));
        const built = builder(snapshot, SETTINGS, certificates, memory);
        const anew = buildRoutingTable(read(structuredClone(listed).reverse()), SETTINGS, certificates, memory);
        expect(built.value).toEqual(anew.value);
        expect(built.problems).toEqual(anew.problems);
        expect(contents(built.memory)).toEqual(contents(anew.memory));
        const rendered = renderer.render(built.value, SETTINGS, certificates, PLACE);
        expect(rendered.ok).toBe(true);
        expect(rendered).toEqual(stranger.render(anew.value, SETTINGS, certificates, PLACE));
        memory = built.memory;
      }
    }),
    { numRuns: 60 },
  );
});

test('the same apps again give the identical table and problems, and nothing new to remember', () => {
  fc.assert(
    fc.property(step, (changes) => {
      const listed = changes.flatMap((change, index) =>
        change === 'stays' || change === 'gone' ? [] : [asMarathonSays(IDS[index] ?? '', change)],
      );
      const builder = createBuilder();
      const snapshot = read(listed);
      const first = builder(snapshot, SETTINGS, CERTIFICATES, NO_MEMORY);
      const settled = builder(snapshot, SETTINGS, CERTIFICATES, first.memory);
      const again = builder(keepIdentity(snapshot, read(listed)), SETTINGS, CERTIFICATES, settled.memory);
      expect(again.value).toBe(settled.value);
      expect(again.problems).toBe(settled.problems);
      for (const key of ['claims', 'health', 'readiness', 'autoPorts'] as const) {
        expect(again.memory[key]).toBe(settled.memory[key]);
      }
    }),
    { numRuns: 100 },
  );
});
