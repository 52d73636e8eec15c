import { describe, expect, test } from 'vitest';
import type { Json } from '../../../src/demo/json.ts';
import { CHECK, call, marathonOf } from './rig.ts';

const DOCKER = { type: 'DOCKER', docker: { image: 'example/app:1' } };

/** Every way to write networks and ports, old and new. */
const WAYS: Readonly<Record<string, Json>> = {
  'nothing said': {},
  'host, ports': { ports: [0, 0] },
  'host, portDefinitions': { portDefinitions: [{ port: 0, name: 'http', labels: { VIP_0: '/x:80' } }], args: null },
  'host, Docker 1.4': { container: { type: 'DOCKER', docker: { image: 'a', network: 'HOST' } }, uris: [] },
  'no ports': { portDefinitions: [] },
  'bridge, 1.4': {
    container: { type: 'DOCKER', docker: { image: 'a', network: 'BRIDGE', portMappings: [{ containerPort: 80 }] } },
  },
  'bridge, 1.5': {
    networks: [{ mode: 'container/bridge' }],
    container: { ...DOCKER, portMappings: [{ containerPort: 80, hostPort: 0 }] },
  },
  'container, 1.5': {
    networks: [{ mode: 'container', name: 'dcos' }],
    container: { ...DOCKER, portMappings: [{ containerPort: 8080 }] },
  },
  'container, no image': { networks: [{ mode: 'container', name: 'dcos' }] },
  'USER, 1.4': {
    ipAddress: { networkName: 'dcos' },
    container: { type: 'DOCKER', docker: { image: 'a', network: 'USER', portMappings: [{ containerPort: 80 }] } },
  },
  'IP per task': { ipAddress: { discovery: { ports: [{ number: 8080, name: 'http', protocol: 'tcp' }] } } },
};

describe.each(['1.4', '1.10'] as const)('in the %s dialect', (dialect) => {
  // Up to 1.4 only Docker containers have mappings.
  const ways = Object.entries(WAYS).filter(([name]) => dialect === '1.10' || name !== 'container, no image');
  test.each(ways)('an app that says “%s” can be scaled without being replaced', async (_name, way) => {
    const marathon = await marathonOf({ dialect, tasks: 'paper' });
    await marathon.post({ id: 'web', ...way, healthChecks: way['portDefinitions'] === undefined ? [CHECK] : [] });
    await marathon.settled('web');
    const [task] = marathon.tasks('web');
    await marathon.scale('web', 2);
    await marathon.settled('web');
    expect(marathon.tasks('web').map(({ id }) => id)).toContain(task?.id);
    expect(marathon.tasks('web')).toHaveLength(2);
    const { json } = await call(`${marathon.urls[0]}/v2/apps/web`);
    const answered = json['app'] as Json;
    await marathon.put('web', answered);
    expect((await call(`${marathon.urls[0]}/v2/apps/web`)).json).toMatchObject({
      app: { version: answered['version'], deployments: [] },
    });
  });
});

test('the 1.10 dialect leaves out what is empty, and writes networks in the new way', async () => {
  const marathon = await marathonOf({ tasks: 'paper', health: 'manual', delays: { starting: 1_000_000 } });
  await marathon.post({ id: 'web', ...WAYS['bridge, 1.4'], env: {}, constraints: [] });
  await marathon.until('web', (tasks) => tasks[0]?.state === 'TASK_STARTING');
  const { json } = await call(`${marathon.urls[0]}/v2/apps?embed=apps.tasks`);
  const app = (json['apps'] as Json[])[0] ?? {};
  expect(app).toMatchObject({
    networks: [{ mode: 'container/bridge' }],
    container: {
      type: 'DOCKER',
      portMappings: [{ containerPort: 80, hostPort: 0, servicePort: 10000, protocol: 'tcp', labels: {} }],
    },
    labels: {},
    tasksStaged: 1,
  });
  for (const absent of ['ports', 'portDefinitions', 'ipAddress', 'env', 'constraints', 'healthChecks', 'args'])
    expect(app).not.toHaveProperty(absent);
  expect(app).not.toHaveProperty('container.docker.network');
  const task = (app['tasks'] as Json[])[0] ?? {};
  expect(task).toMatchObject({
    state: 'TASK_STARTING',
    ports: [expect.any(Number)],
    healthCheckResults: [],
    ipAddresses: [],
    servicePorts: [],
  });
  expect(task['id']).toMatch(/^web\.instance-[0-9a-f-]{36}\._app\.1$/);
  expect(task).not.toHaveProperty('startedAt');
});

test('the 1.4 dialect writes null and empty lists, leaves empty results out, and drops ended tasks', async () => {
  const marathon = await marathonOf({ dialect: '1.4', health: 'manual', delays: { staging: 0, starting: 0 } });
  await marathon.post({ id: 'a/web', ...WAYS['container, 1.5'], healthChecks: [CHECK], backoffSeconds: 1000 });
  await marathon.until('a/web', (tasks) => tasks[0]?.state === 'TASK_RUNNING');
  const read = async (): Promise<Json> =>
    ((await call(`${marathon.urls[0]}/v2/apps?embed=apps.tasks`)).json['apps'] as Json[])[0] ?? {};
  const app = await read();
  expect(app).toMatchObject({
    args: null,
    constraints: [],
    ports: [10000],
    ipAddress: { networkName: 'dcos' },
    container: { docker: { network: 'USER', portMappings: [{ containerPort: 8080, servicePort: 10000 }] } },
  });
  expect(app).not.toHaveProperty('networks');
  expect(app).not.toHaveProperty('container.portMappings.0.hostPort');
  const task = (app['tasks'] as Json[])[0] ?? {};
  expect(task).not.toHaveProperty('healthCheckResults');
  expect(task['id']).toMatch(/^a_web\.[0-9a-f-]{36}$/);
  expect(task).toMatchObject({
    ports: [],
    ipAddresses: [{ ipAddress: expect.stringMatching(/^127\./), protocol: 'IPv4' }],
  });
  marathon.setHealth('a/web', true);
  expect((await read())['tasks']).toMatchObject([
    {
      healthCheckResults: [{ alive: true, lastFailure: null, instanceId: expect.stringMatching(/^a_web\.marathon-/) }],
    },
  ]);
  marathon.crashTask('a/web');
  expect((await read())['tasks']).toEqual([]);
});

test('IP-per-task discovery ports get no service port in 1.4, one in 1.10', async () => {
  const seen = [];
  for (const dialect of ['1.4', '1.10'] as const) {
    const marathon = await marathonOf({ dialect });
    await marathon.post({ id: 'web', ...WAYS['IP per task'] });
    await marathon.settled('web');
    const { json } = await call(`${marathon.urls[0]}/v2/apps/web`);
    const { ports, ipAddress, container } = json['app'] as Json;
    seen.push({ ports, ipAddress, mappings: (container as Json | null)?.['portMappings'] });
    const at = marathon.tasks('web')[0]?.listens[0];
    expect(at?.port).toBe(8080);
    expect((await call(`http://${at?.address}:8080/`)).json).toMatchObject({ app: '/web', port: 8080 });
  }
  expect(seen).toMatchObject([
    { ports: [], ipAddress: { discovery: { ports: [{ number: 8080 }] } }, mappings: undefined },
    { ports: undefined, ipAddress: undefined, mappings: [{ containerPort: 8080, servicePort: 10000 }] },
  ]);
});

test('service ports are unique, keep their place, and are refused when taken', async () => {
  const marathon = await marathonOf({ tasks: 'paper', servicePorts: { from: 12000, to: 12003 } });
  await marathon.post({ id: 'a', ports: [0, 12000] });
  await marathon.post({ id: 'b', ports: [0] });
  const ports = async (id: string) =>
    (((await call(`${marathon.urls[0]}/v2/apps/${id}`)).json['app'] as Json)['portDefinitions'] as Json[]).map(
      (port) => port['port'],
    );
  expect([await ports('a'), await ports('b')]).toEqual([[12001, 12000], [12002]]);
  const taken = await call(`${marathon.urls[0]}/v2/apps`, 'POST', { id: 'c', cmd: 'x', ports: [12002] });
  expect(taken.status).toBe(422);
  expect(taken.text).toContain('Requested service port 12002 is used by an app with path /b');
  await marathon.put('b', { ports: [0, 0] }, true);
  expect(await ports('b')).toEqual([12002, 12003]);
  expect((await marathon.post({ id: 'd' })).ok).toBe(false);
});

test.each([
  [{ id: 'UPPER', cmd: 'x' }, '/id'],
  [{ cmd: 'x' }, '/id'],
  [{ id: 'a' }, '/'],
  [{ id: 'a', cmd: 'x', instances: -1 }, '/instances'],
  [{ id: 'a', cmd: 'x', labels: { n: 1 } }, '/labels/n'],
  [{ id: 'a', cmd: 'x', healthChecks: [{ portIndex: 3 }] }, '/healthChecks(0)'],
  [{ id: 'a', cmd: 'x', upgradeStrategy: { minimumHealthCapacity: 2 } }, '/upgradeStrategy/minimumHealthCapacity'],
  [{ id: 'a', cmd: 'x', ports: [70000] }, '/ports(0)'],
])('an invalid app %j is refused with its path %s', async (app, path) => {
  const marathon = await marathonOf({ tasks: 'paper' });
  const refused = await call(`${marathon.urls[0]}/v2/apps`, 'POST', app);
  expect(refused).toMatchObject({ status: 422, json: { message: 'Object is not valid' } });
  expect((refused.json['details'] as Json[]).map((detail) => detail['path'])).toContain(path);
  expect((await call(`${marathon.urls[0]}/v2/apps`)).json).toEqual({ apps: [] });
});
