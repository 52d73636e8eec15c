import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { App, Instant } from '../../../src/core/app.ts';
import {
  keepIdentity,
  type Lookups,
  parseApp,
  parseSnapshot,
  wantedHosts,
  wantedVersions,
} from '../../../src/core/snapshot.ts';

const V = '2020-03-02T10:00:00.123Z';
const NOW = 0 as Instant;

const CONTROL = {
  id: '/control',
  version: V,
  versionInfo: { lastConfigChangeAt: V, lastScalingAt: V },
  instances: 1,
  labels: { HAPROXY_GROUP: 'external' },
  networks: [{ mode: 'container/bridge' }],
  container: { portMappings: [{ containerPort: 80, hostPort: 0, servicePort: 10000 }] },
  tasks: [{ id: 'control.1', host: 'agent.example', ports: [31000], state: 'TASK_RUNNING', version: V }],
};

/** Anything that JSON can say, with a taste for what hurts. */
const anything: fc.Arbitrary<unknown> = fc.oneof(
  { weight: 4, arbitrary: fc.jsonValue({ maxDepth: 3 }) },
  fc.constantFrom<unknown>(
    null,
    '',
    0,
    -1,
    1e308,
    -0,
    65_536,
    31_000.5,
    [],
    {},
    [[]],
    [null],
    '__proto__',
    '\u0000',
    '☃',
    'x'.repeat(5000),
  ),
  fc.constantFrom(JSON.parse('{"__proto__":{"id":"/x"},"constructor":1,"toString":null,"length":-1}')),
  fc.bigInt().map(Number),
);

/** A record whose known fields may be right, wrong or missing, with foreign ones beside them. */
const mostly = (fields: Record<string, fc.Arbitrary<unknown>>): fc.Arbitrary<unknown> =>
  fc.oneof(
    {
      weight: 8,
      arbitrary: fc
        .tuple(
          fc.record(
            Object.fromEntries(
              Object.entries(fields).map(([name, right]) => [
                name,
                fc.oneof({ weight: 3, arbitrary: right }, anything),
              ]),
            ),
            { requiredKeys: [] },
          ),
          fc.dictionary(fc.string(), anything, { maxKeys: 2 }),
        )
        .map(([known, foreign]) => ({ ...foreign, ...known })),
    },
    anything,
  );
const some = (entry: fc.Arbitrary<unknown>): fc.Arbitrary<unknown> => fc.array(entry, { maxLength: 4 });

const port = fc.constantFrom<unknown>(0, 80, 10_000, 31_000, 65_535, 65_536, -1, '80');
const protocol = fc.constantFrom('tcp', 'udp', 'udp,tcp', 'TCP');
const version = fc.constantFrom(V, '2020-03-02T09:00:00.000Z', '2021-01-01T00:00:00Z', '', '../x');
const mapping = mostly({
  containerPort: port,
  hostPort: port,
  servicePort: port,
  protocol,
  name: fc.string(),
  networkNames: some(fc.constantFrom('a', 'b')),
});
const task = mostly({
  id: fc.constantFrom('t.1', 't.2', 't.3'),
  host: fc.constantFrom('10.0.0.1', 'agent.example', 'nowhere.example', '', '::1', '0.0.0.0'),
  ports: some(port),
  ipAddresses: some(
    mostly({ ipAddress: fc.constantFrom('9.0.0.1', 'fd00::1', '', 'x'), protocol: fc.constant('IPv4') }),
  ),
  state: fc.constantFrom('TASK_RUNNING', 'TASK_STAGING', 'TASK_FAILED', 'TASK_UNREACHABLE', 'TASK_X'),
  startedAt: fc.constant(V),
  version,
  healthCheckResults: some(
    mostly({ alive: fc.boolean(), consecutiveFailures: fc.nat(3), lastSuccess: fc.constant(V) }),
  ),
});
const hostileApp = mostly({
  id: fc.constantFrom('/a', '/b', '/b/c', 'd', '/', '', '/e e'),
  version,
  versionInfo: mostly({ lastConfigChangeAt: version, lastScalingAt: version }),
  instances: fc.nat(3),
  labels: fc.dictionary(fc.string(), anything, { maxKeys: 3 }),
  ports: some(port),
  portDefinitions: some(mostly({ port, protocol, name: fc.string() })),
  networks: some(
    mostly({ mode: fc.constantFrom('host', 'container', 'container/bridge', 'x'), name: fc.constantFrom('a', 'b') }),
  ),
  container: mostly({
    portMappings: some(mapping),
    docker: mostly({ network: fc.constantFrom('HOST', 'BRIDGE', 'USER', 'NONE'), portMappings: some(mapping) }),
  }),
  ipAddress: mostly({ discovery: mostly({ ports: some(mostly({ number: port, protocol })) }) }),
  healthChecks: some(
    mostly({
      protocol: fc.constantFrom('HTTP', 'TCP', 'COMMAND', 'GRPC'),
      portIndex: fc.nat(3),
      port,
      path: fc.string(),
      intervalSeconds: port,
    }),
  ),
  deployments: some(mostly({ id: fc.string() })),
  tasks: some(task),
});

const lookupsWith = (definition: unknown): Lookups => ({
  definition: () => definition,
  address: (host) => (host === 'agent.example' ? '10.1.1.1' : undefined),
});

function read(apps: readonly unknown[], lookups: Lookups) {
  const answer = parseSnapshot({ apps }, NOW, lookups);
  if (!answer.ok) throw new Error(answer.failure.detail);
  return answer.value;
}

/** What every reader of an `App` may rely on. */
function checkInvariants(app: App): void {
  expect(app.id).toMatch(/^(\/[A-Za-z0-9._-]+)+$/);
  expect(Number.isInteger(app.instances) && app.instances >= 0).toBe(true);
  expect([...app.labels.keys()]).toEqual([...app.labels.keys()].toSorted());
  expect(app.ports.map(({ index }) => index)).toEqual(app.ports.map((_, index) => index));
  expect(app.tasks.map(({ id }) => id)).toEqual([...new Set(app.tasks.map(({ id }) => id))].toSorted());
  for (const { servicePort = 1, containerPort = 1 } of app.ports) {
    expect([servicePort, containerPort].every((given) => Number.isInteger(given) && given > 0 && given < 65_536)).toBe(
      true,
    );
  }
  for (const { endpoints, missing } of app.tasks) {
    const indexes = [...endpoints, ...missing].map(({ portIndex }) => portIndex);
    expect(new Set(indexes).size).toBe(indexes.length);
    for (const endpoint of endpoints) {
      expect(['10.0.0.1', '10.1.1.1', '::1', '9.0.0.1', 'fd00::1']).toContain(endpoint.address);
      expect(Number.isInteger(endpoint.port) && endpoint.port > 0 && endpoint.port < 65_536).toBe(true);
    }
  }
}

test('whatever one app says, nothing is thrown and no other app is affected', () => {
  const alone = parseApp(CONTROL, lookupsWith(undefined)).value;
  expect(alone?.tasks[0]?.endpoints).toEqual([{ portIndex: 0, address: '10.1.1.1', port: 31_000 }]);
  fc.assert(
    fc.property(fc.array(hostileApp, { maxLength: 4 }), fc.oneof(hostileApp, anything), (apps, definition) => {
      const lookups = lookupsWith(definition);
      const { value, problems } = read([...apps, CONTROL], lookups);
      expect(value.apps.find(({ id }) => id === '/control')).toEqual(alone);
      value.apps.forEach(checkInvariants);
      for (const problem of problems) {
        expect(problem.message.length).toBeLessThanOrEqual(500);
        expect(problem.value?.length ?? 0).toBeLessThanOrEqual(120);
        expect(`${problem.message}${problem.value ?? ''}`).not.toMatch(/[\u0000-\u001f\u007f]/);
        expect(problem.origin).not.toMatchObject({ app: '/control' });
      }
      wantedVersions(apps);
      wantedHosts(apps);
    }),
    { numRuns: 1000 },
  );
});

test('the order of apps and tasks does not matter, the order of ports does', () => {
  const shuffled = (entry: unknown): unknown =>
    typeof entry === 'object' && entry !== null && 'tasks' in entry && Array.isArray(entry.tasks)
      ? { ...entry, tasks: entry.tasks.toReversed() }
      : entry;
  fc.assert(
    fc.property(fc.array(hostileApp, { maxLength: 5 }), hostileApp, fc.nat(), (apps, definition, turn) => {
      const lookups = lookupsWith(definition);
      const list = [...apps, CONTROL];
      const at = turn % list.length;
      const turned = [...list.slice(at), ...list.slice(0, at)].toReversed().map(shuffled);
      expect(read(turned, lookups)).toEqual(read(list, lookups));
      expect(wantedVersions(turned)).toEqual(wantedVersions(list));
      expect(wantedHosts(turned)).toEqual(wantedHosts(list));
    }),
    { numRuns: 300 },
  );
});

test('exactly the wanted definitions and hosts are asked for', () => {
  fc.assert(
    fc.property(fc.uniqueArray(hostileApp, { maxLength: 4, selector: JSON.stringify }), (apps) => {
      const versions = new Set<string>();
      const hosts = new Set<string>();
      const answer = parseSnapshot(apps, NOW, {
        definition: (id, wanted) => void versions.add(`${id} ${wanted}`),
        address: (host) => void hosts.add(host),
      });
      if (!answer.ok) return;
      const withTaskIds = apps.filter((entry) => parseApp(entry, lookupsWith(undefined)).value !== undefined);
      const wanted = new Set(wantedVersions(withTaskIds).map(({ app, version: of }) => `${app} ${of}`));
      expect([...versions].filter((entry) => !wanted.has(entry))).toEqual([]);
      expect([...hosts].filter((host) => !wantedHosts(withTaskIds).includes(host))).toEqual([]);
    }),
    { numRuns: 200 },
  );
});

test('an app that says the same as before is the same object', () => {
  fc.assert(
    fc.property(fc.array(hostileApp, { maxLength: 4 }), hostileApp, (apps, definition) => {
      const lookups = lookupsWith(definition);
      const before = read([...apps, CONTROL], lookups).value;
      const after = keepIdentity(before, read([CONTROL, ...apps.toReversed()], lookups).value);
      expect(after.apps.length).toBe(before.apps.length);
      expect(after.apps.every((app, index) => app === before.apps[index])).toBe(true);
    }),
    { numRuns: 200 },
  );
});

test('a hundred thousand complaints are no problem', () => {
  const tasks = Array.from({ length: 150_000 }, (_, index) => ({ id: ` ${index}` }));
  const { value, problems } = read([{ id: '/a', tasks }, CONTROL], lookupsWith(undefined));
  expect(value.apps.map(({ id, tasks: kept }) => [id, kept.length])).toEqual([
    ['/a', 0],
    ['/control', 1],
  ]);
  expect(problems).toHaveLength(150_000);
});
