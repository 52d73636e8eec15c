import { describe, expect, test } from 'vitest';
import type { App, Instant } from '../../../src/core/app.ts';
import { type Lookups, NO_LOOKUPS, parseApp, parseSnapshot } from '../../../src/core/snapshot.ts';

const V1 = '2020-03-02T10:00:00.123Z';
const V2 = '2020-03-02T11:30:00.456Z';
const NOW = 1_600_000_000_000 as Instant;

const task = (id: string, more: object = {}) => ({
  id,
  host: '10.0.0.1',
  ports: [31000],
  state: 'TASK_RUNNING',
  version: V1,
  ...more,
});
const hostApp = (id: string, more: object = {}) => ({
  id,
  version: V1,
  networks: [{ mode: 'host' }],
  portDefinitions: [{ port: 10000, name: 'http' }],
  ...more,
});

function read(json: unknown, lookups: Lookups = NO_LOOKUPS) {
  const answer = parseSnapshot(json, NOW, lookups);
  if (!answer.ok) throw new Error(answer.failure.detail);
  return answer.value;
}

function app(json: unknown, lookups: Lookups = NO_LOOKUPS): App {
  const { value } = parseApp(json, lookups);
  if (value === undefined) throw new Error('left out');
  return value;
}

describe('what is a list of apps', () => {
  test.each([
    ['an empty object', {}],
    ['nothing', undefined],
    ['null', null],
    ['a text', '<html>'],
    ['a number', 200],
    ['a message', { message: 'Could not determine the current leader' }],
    ['apps that are null', { apps: null }],
    ['apps that are an object', { apps: { '/web': {} } }],
    ['a list of other things', { apps: [1, 'web', null, []] }],
  ])('%s is none, and no empty cluster', (_, json) => {
    expect(parseSnapshot(json, NOW, NO_LOOKUPS)).toMatchObject({ ok: false, failure: { kind: 'not-apps' } });
  });

  test('an empty list is an empty cluster', () => {
    expect(read({ apps: [] })).toEqual({ value: { takenAt: NOW, apps: [] }, problems: [] });
    expect(read([])).toEqual({ value: { takenAt: NOW, apps: [] }, problems: [] });
  });
});

test('an app is read whole', () => {
  const json = hostApp('/prod/web', {
    instances: 3,
    version: V2,
    versionInfo: { lastConfigChangeAt: V1, lastScalingAt: V2 },
    labels: { HAPROXY_GROUP: 'external', HAPROXY_0_VHOST: 'web.example' },
    healthChecks: [{ protocol: 'HTTP', path: '/ping', portIndex: 0, intervalSeconds: 5, timeoutSeconds: 2 }],
    deployments: [{ id: 'd-2' }, { id: 'd-1' }, { id: 'd-2' }, {}],
    tasks: [task('prod_web.1', { healthCheckResults: [{ alive: true }], ipAddresses: [] })],
  });
  const check = {
    protocol: 'HTTP',
    path: '/ping',
    portIndex: 0,
    intervalSeconds: 5,
    timeoutSeconds: 2,
    maxConsecutiveFailures: 3,
  };
  expect(parseApp(json, NO_LOOKUPS)).toEqual({
    problems: [],
    value: {
      id: '/prod/web',
      version: V2,
      configVersion: V1,
      scaledAt: V2,
      instances: 3,
      labels: new Map([
        ['HAPROXY_0_VHOST', 'web.example'],
        ['HAPROXY_GROUP', 'external'],
      ]),
      network: 'host',
      ports: [{ index: 0, name: 'http', protocol: 'tcp', servicePort: 10000 }],
      healthChecks: [check],
      deployments: ['d-1', 'd-2'],
      tasks: [
        {
          id: 'prod_web.1',
          version: V1,
          state: 'running',
          health: 'healthy',
          host: '10.0.0.1',
          hostAddress: '10.0.0.1',
          endpoints: [{ portIndex: 0, address: '10.0.0.1', port: 31000 }],
          missing: [],
          healthChecks: [check],
        },
      ],
    },
  });
});

describe('labels', () => {
  test('are in key order, verbatim, and texts', () => {
    const json = JSON.parse(
      '{"id":"/a","labels":{"b":"2","a":" x\\n","__proto__":"p","n":80,"t":true,"o":{},"z":null,"constructor":"c"}}',
    );
    const { value, problems } = parseApp(json, NO_LOOKUPS);
    expect([...(value?.labels ?? [])]).toEqual([
      ['__proto__', 'p'],
      ['a', ' x\n'],
      ['b', '2'],
      ['constructor', 'c'],
      ['n', '80'],
      ['t', 'true'],
    ]);
    expect(problems.map(({ code, origin }) => [code, origin])).toEqual([
      ['LabelInvalid', { from: 'label', app: '/a', label: 'o' }],
      ['LabelInvalid', { from: 'label', app: '/a', label: 'z' }],
    ]);
  });
});

describe('the definition of a task is that of its own version', () => {
  const old = {
    id: '/web',
    version: V1,
    container: { portMappings: [{ containerPort: 80, hostPort: 0, servicePort: 10300 }] },
    networks: [{ mode: 'container/bridge' }],
    healthChecks: [{ protocol: 'TCP', portIndex: 0 }],
  };
  const present = {
    ...old,
    version: V2,
    versionInfo: { lastConfigChangeAt: V2, lastScalingAt: V2 },
    container: {
      portMappings: [
        { containerPort: 9090, hostPort: 0, servicePort: 10301 },
        { containerPort: 80, hostPort: 0, servicePort: 10300 },
      ],
    },
    healthChecks: [{ path: '/a' }, { path: '/b' }],
    tasks: [
      task('old.1', { healthCheckResults: [{ alive: true }] }),
      task('new.1', { version: V2, ports: [31800, 31801], healthCheckResults: [{ alive: true }] }),
      task('old.2'),
    ],
  };

  test('known: its ports, its checks, its verdict', () => {
    const asked: string[] = [];
    const definition = (id: string, version: string) => {
      asked.push(`${id} ${version}`);
      return old;
    };
    const { value, problems } = parseApp(present, { ...NO_LOOKUPS, definition });
    const [newer, older] = value?.tasks ?? [];
    expect(asked).toEqual([`/web ${V1}`]);
    expect(problems).toEqual([]);
    // Service port 10300 stands at index 1 now: nobody who asks for 10301 may be led to the old task.
    expect(older?.endpoints).toEqual([{ portIndex: 1, address: '10.0.0.1', port: 31000 }]);
    expect(older?.missing).toEqual([]);
    expect(older?.healthChecks).toMatchObject([{ protocol: 'TCP', portIndex: 1 }]);
    expect(older?.health).toBe('healthy');
    expect(newer?.endpoints.map(({ port }) => port)).toEqual([31800, 31801]);
    expect(newer?.health).toBe('unknown');
  });

  test.each([
    ['unknown', undefined],
    ['no definition', 'gone'],
  ])('%s: the present ports, no checks, and it is told', (_, found) => {
    const { value, problems } = parseApp(present, { ...NO_LOOKUPS, definition: () => found });
    const older = value?.tasks[1];
    expect(older?.id).toBe('old.1');
    expect(older?.endpoints).toEqual([{ portIndex: 0, address: '10.0.0.1', port: 31000 }]);
    expect(older?.missing).toEqual([{ portIndex: 1, because: 'no-task-port' }]);
    expect(older?.healthChecks).toEqual([]);
    expect(older?.health).toBe('healthy');
    expect(value?.tasks[2]?.health).toBe('unknown');
    expect(problems).toMatchObject([
      { code: 'DefinitionUnknown', effect: 'notice', value: V1, origin: { from: 'app', app: '/web' } },
    ]);
    expect(problems[0]?.message).toContain('(2)');
  });

  test('scaling changes no definition', () => {
    const scaled = { ...present, version: V2, versionInfo: { lastConfigChangeAt: V1, lastScalingAt: V2 } };
    expect(parseApp(scaled, NO_LOOKUPS).problems).toEqual([]);
  });

  test('without versionInfo only the same version is surely the same definition', () => {
    const { versionInfo: _, ...bare } = present;
    expect(parseApp(bare, NO_LOOKUPS).problems.map(({ code }) => code)).toEqual(['DefinitionUnknown']);
    expect(app(bare).configVersion).toBe(V2);
  });

  test('a task that has ended has no version and needs no definition', () => {
    const ended = { ...present, tasks: [{ id: 'old.1', host: '10.0.0.1', ports: [], state: 'TASK_FAILED' }] };
    const { value, problems } = parseApp(ended, NO_LOOKUPS);
    expect(problems).toEqual([]);
    expect(value?.tasks[0]?.missing.map(({ because }) => because)).toEqual(['not-active', 'not-active']);
  });
});

describe('states', () => {
  test.each([
    ['TASK_STAGING', 'staging'],
    ['TASK_STARTING', 'starting'],
    ['TASK_RUNNING', 'running'],
    ['TASK_KILLING', 'killing'],
    ['TASK_UNREACHABLE', 'unreachable'],
    ['TASK_LOST', 'lost'],
    ['TASK_UNKNOWN', 'terminal'],
    ['TASK_GONE', 'terminal'],
    ['TASK_GONE_BY_OPERATOR', 'terminal'],
    ['TASK_DROPPED', 'terminal'],
    ['TASK_ERROR', 'terminal'],
    ['TASK_FAILED', 'terminal'],
    ['TASK_FINISHED', 'terminal'],
    ['TASK_KILLED', 'terminal'],
    ['TASK_TELEPORTING', 'other'],
    [7, 'other'],
    ['toString', 'other'],
  ])('%s is %s', (state, expected) => {
    expect(app(hostApp('/a', { tasks: [task('a.1', { state })] })).tasks[0]?.state).toBe(expected);
  });

  test.each([
    [{ startedAt: V1 }, 'running'],
    [{ startedAt: null }, 'staging'],
    [{}, 'staging'],
  ])('without a state, %j is %s', (times, expected) => {
    const { state: _, ...stateless } = task('a.1', times);
    expect(app(hostApp('/a', { tasks: [stateless] })).tasks[0]?.state).toBe(expected);
  });
});

describe('agents', () => {
  const lookups: Lookups = {
    ...NO_LOOKUPS,
    address: (host) =>
      ({ 'agent-1.example': '10.9.9.9', 'agent-6.example': 'FD00::6', 'agent-x.example': 'what' })[host],
  };
  test.each([
    ['10.0.0.7', '10.0.0.7', undefined],
    ['[fd00::7]', 'fd00::7', undefined],
    ['agent-1.example', '10.9.9.9', undefined],
    ['agent-6.example', 'fd00::6', undefined],
    ['agent-2.example', undefined, 'host-unresolvable'],
    ['agent-x.example', undefined, 'host-unresolvable'],
    ['0.0.0.0', undefined, 'host-unresolvable'],
    ['a b\n', undefined, 'host-unresolvable'],
    ['', undefined, 'no-host'],
    ['x'.repeat(10_000), undefined, 'no-host'],
    [null, undefined, 'no-host'],
    [10, undefined, 'no-host'],
  ])('%j answers at %s', (host, address, because) => {
    const [read] = app(hostApp('/a', { tasks: [task('a.1', { host })] }), lookups).tasks;
    expect(read?.hostAddress).toBe(address);
    expect(read?.endpoints.map((endpoint) => endpoint.address)).toEqual(address === undefined ? [] : [address]);
    expect(read?.missing.map((missing) => missing.because)).toEqual(because === undefined ? [] : [because]);
  });
});

describe('ids', () => {
  test.each([
    ['/prod/web', '/prod/web'],
    ['web', '/web'],
    ['/prod/web/', '/prod/web'],
    ['/Prod_1/web.v2', '/Prod_1/web.v2'],
  ])('%s is %s', (id, expected) => {
    expect(app({ id }).id).toBe(expected);
  });

  test.each([
    [''],
    ['/'],
    ['//'],
    ['/a//b'],
    ['/a b'],
    ['/a\nb'],
    ['/a"b'],
    ['/ä'],
    [`/${'a'.repeat(400)}`],
    [7],
    [null],
    [[]],
  ])('%j is none: the app is left out and named', (id) => {
    const { value, problems } = read([{ id, tasks: [] }, hostApp('/good')]);
    expect(value.apps.map((kept) => kept.id)).toEqual(['/good']);
    expect(problems.map(({ code, effect }) => [code, effect])).toEqual([['AppMalformed', 'app-excluded']]);
  });

  test('an app listed twice: the newest version counts, whatever the order', () => {
    const older = hostApp('/a', { instances: 1 });
    const newer = hostApp('/a', { instances: 2, version: V2 });
    const twin = hostApp('/a', { instances: 3, version: V2 });
    for (const list of [
      [older, newer],
      [newer, older],
    ]) {
      const { value, problems } = read(list);
      expect(value.apps.map(({ instances }) => instances)).toEqual([2]);
      expect(problems.map(({ code, effect }) => [code, effect])).toEqual([['AppMalformed', 'notice']]);
    }
    expect(read([twin, newer, older])).toEqual(read([older, newer, twin]));
  });

  test('a task listed twice counts once, whatever the order', () => {
    const tasks = [task('a.1', { ports: [31000] }), task('a.1', { ports: [31001] })];
    const one = read([hostApp('/a', { tasks })]);
    expect(one.value.apps[0]?.tasks).toHaveLength(1);
    expect(one.problems.map(({ code }) => code)).toEqual(['TaskMalformed']);
    expect(read([hostApp('/a', { tasks: tasks.toReversed() })])).toEqual(one);
  });
});

test('a version that is no time is none, so that it can lead to no other URL', () => {
  const read = app(hostApp('/a', { version: '../../../ping', tasks: [task('a.1', { version: '2020/..' })] }));
  expect([read.version, read.tasks[0]?.version]).toEqual(['', '']);
});

test.each([
  [0, 0],
  [3, 3],
  [undefined, 1],
  [-1, 1],
  [1.5, 1],
  ['3', 1],
  [Number.NaN, 1],
])('instances %s are %i', (instances, expected) => {
  expect(app({ id: '/a', instances }).instances).toBe(expected);
});
