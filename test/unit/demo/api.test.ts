import { expect, test } from 'vitest';
import type { Json } from '../../../src/demo/json.ts';
import { CHECK, call, marathonOf } from './rig.ts';

const ids = (json: Json): readonly unknown[] => ((json['apps'] ?? []) as Json[]).map((app) => app['id']).sort();

test('POST answers with the app, its deployment and where it is', async () => {
  const marathon = await marathonOf({ tasks: 'paper', health: 'manual' });
  const url = `${marathon.urls[0]}/v2/apps`;
  const posted = await call(url, 'POST', { id: 'a/web', cmd: 'x', healthChecks: [CHECK] });
  expect(posted.status).toBe(201);
  expect(posted.headers.get('location')).toBe('/v2/apps/a/web');
  expect(posted.json).toMatchObject({
    id: '/a/web',
    instances: 1,
    tasksRunning: 0,
    deployments: [{ id: posted.headers.get('marathon-deployment-id') }],
  });
  expect(await call(url, 'POST', { id: '/a/web', cmd: 'x' })).toMatchObject({
    status: 409,
    json: { message: 'An app with id [/a/web] already exists.' },
  });
  expect(await call(url, 'POST', '{"id":')).toMatchObject({ status: 400, json: { message: 'Invalid JSON' } });
});

test('lists are filtered by id, command and label', async () => {
  const marathon = await marathonOf({ tasks: 'paper' });
  await marathon.post({ id: 'prod/web', labels: { HAPROXY_GROUP: 'external', tier: 'one' } });
  await marathon.post({ id: 'webapp', labels: { HAPROXY_GROUP: 'internal', tier: 'two' } });
  await marathon.post({ id: 'db', cmd: 'Postgres -x' });
  const found = async (query: string) => ids((await call(`${marathon.urls[0]}/v2/apps?${query}`)).json);
  expect(await found('id=WEB')).toEqual(['/prod/web', '/webapp']);
  expect(await found('cmd=postgres')).toEqual(['/db']);
  for (const [label, expected] of [
    ['HAPROXY_GROUP==external', ['/prod/web']],
    ['HAPROXY_GROUP', ['/prod/web', '/webapp']],
    ['HAPROXY_GROUP!=external', ['/webapp']],
    ['tier in (one, two),HAPROXY_GROUP==internal', ['/webapp']],
    ['tier notin (one)', ['/webapp']],
    ['nothing==x', []],
  ] as const)
    expect(await found(`label=${encodeURIComponent(label)}`)).toEqual(expected);
  const wrong = await call(`${marathon.urls[0]}/v2/apps?label=${encodeURIComponent('a=(')}`);
  expect(wrong).toMatchObject({ status: 422, json: { message: expect.any(String), details: expect.any(Array) } });
});

test('embeds add tasks, failures and stats, with any of their prefixes', async () => {
  const marathon = await marathonOf({ tasks: 'paper' });
  await marathon.post({ id: 'web', instances: 2 });
  await marathon.settled();
  const app = async (query: string) => ((await call(`${marathon.urls[0]}/v2/apps${query}`)).json['apps'] as Json[])[0];
  expect(await app('')).not.toHaveProperty('tasks');
  for (const embed of ['apps.tasks', 'app.tasks', 'tasks', 'group.apps.tasks'])
    expect(await app(`?embed=${embed}`)).toMatchObject({ tasks: { length: 2 } });
  expect(await app('?embed=apps.taskStats&embed=apps.readiness')).toMatchObject({
    tasksStats: { totalSummary: { stats: { counts: { running: 2 } } } },
    readinessCheckResults: [],
  });
});

test('answers come in changing order', async () => {
  const marathon = await marathonOf({ tasks: 'paper', seed: 7 });
  for (let i = 0; i < 8; i++) await marathon.post({ id: `app-${i}` });
  const orders = new Set<string>();
  for (let i = 0; i < 5; i++) {
    const { json } = await call(`${marathon.urls[0]}/v2/apps`);
    orders.add((json['apps'] as Json[]).map((app) => app['id']).join());
  }
  expect(orders.size).toBeGreaterThan(1);
});

test('the same seed gives the same ids and ports', async () => {
  const seen: string[] = [];
  for (let run = 0; run < 2; run++) {
    const marathon = await marathonOf({ tasks: 'paper', seed: 42 });
    await marathon.post({ id: 'web', instances: 3 });
    await marathon.settled();
    seen.push(
      marathon
        .tasks('web')
        .map(({ id, json }) => `${id} ${String(json['host'])} ${JSON.stringify(json['ports'])}`)
        .sort()
        .join(),
    );
    await marathon.stop();
  }
  expect(seen[0]).toBe(seen[1]);
});

test('one app is found by its path; groups of apps by a star', async () => {
  const marathon = await marathonOf({ tasks: 'paper' });
  for (const id of ['g/a', 'g/h/b', 'c']) await marathon.post({ id });
  await marathon.settled();
  const base = `${marathon.urls[0]}/v2/apps`;
  expect((await call(`${base}//g/a`)).json).toMatchObject({ app: { id: '/g/a', tasks: { length: 1 } } });
  expect(((await call(`${base}/g/*`)).json['*'] as Json[]).map((app) => app['id']).sort()).toEqual(['/g/a', '/g/h/b']);
  expect((await call(`${base}/g/*/tasks`)).json).toMatchObject({ tasks: { length: 2 } });
  expect((await call(`${base}/g/a/tasks`)).json).toMatchObject({ tasks: [{ appId: '/g/a' }] });
  expect(await call(`${base}/nope`)).toMatchObject({ status: 404, json: { message: "App '/nope' does not exist" } });
});

test('groups: the tree, several apps in one deployment, and all of them deleted', async () => {
  const marathon = await marathonOf({ tasks: 'paper' });
  const url = `${marathon.urls[0]}/v2/groups`;
  const group = {
    id: '/prod',
    apps: [{ id: 'web', cmd: 'x' }],
    groups: [{ id: 'back', apps: [{ id: '/prod/back/db', cmd: 'x' }] }],
  };
  const posted = await call(url, 'POST', group);
  expect(posted.status).toBe(201);
  await marathon.settled();
  expect((await call(url)).json).toMatchObject({
    id: '/',
    groups: [
      { id: '/prod', apps: [{ id: '/prod/web' }], groups: [{ id: '/prod/back', apps: [{ id: '/prod/back/db' }] }] },
    ],
  });
  expect((await call(`${url}/prod/back`)).json).toMatchObject({ id: '/prod/back', apps: { length: 1 } });
  expect((await call(`${url}/nope`)).status).toBe(404);
  expect(marathon.events().some(({ type }) => type === 'api_post_event')).toBe(false);
  await call(`${url}/prod`, 'DELETE');
  await marathon.settled();
  expect((await call(`${marathon.urls[0]}/v2/apps`)).json).toEqual({ apps: [] });
});

test('an array of updates is one deployment without api_post_event', async () => {
  const marathon = await marathonOf({ tasks: 'paper' });
  await marathon.post({ id: 'a' });
  await marathon.post({ id: 'b' });
  await marathon.settled();
  const before = marathon.events().length;
  const put = await call(`${marathon.urls[0]}/v2/apps`, 'PATCH', [
    { id: '/a', instances: 2 },
    { id: '/b', labels: { x: 'y' } },
  ]);
  expect(put.status).toBe(200);
  await marathon.settled();
  const events = marathon.events().slice(before);
  expect(events.filter(({ type }) => type === 'deployment_success').map(({ body }) => body['id'])).toEqual([
    put.json['deploymentId'],
  ]);
  expect(events.some(({ type }) => type === 'api_post_event')).toBe(false);
  expect(marathon.tasks('a')).toHaveLength(2);
});

test('PUT of a version alone goes back to it; partialUpdate=false replaces the definition', async () => {
  const marathon = await marathonOf({ tasks: 'paper' });
  const url = `${marathon.urls[0]}/v2/apps/web`;
  const first = await call(`${marathon.urls[0]}/v2/apps`, 'POST', { id: 'web', cmd: 'x', labels: { a: '1' } });
  await marathon.settled();
  await call(url, 'PUT', { labels: { a: '2' } });
  await marathon.settled();
  await call(url, 'PUT', { version: first.json['version'] });
  await marathon.settled();
  expect((await call(url)).json).toMatchObject({ app: { labels: { a: '1' } } });
  await call(`${url}?partialUpdate=false`, 'PUT', { cmd: 'y' });
  await marathon.settled();
  expect((await call(url)).json).toMatchObject({ app: { cmd: 'y', labels: {} } });
});

test('tasks of all apps, with service ports and by state', async () => {
  const marathon = await marathonOf({ tasks: 'paper', delays: { staging: 0, starting: 0 } });
  await marathon.post({ id: 'web', ports: [0] });
  await marathon.settled();
  const url = `${marathon.urls[0]}/v2/tasks`;
  expect((await call(url)).json).toMatchObject({ tasks: [{ appId: '/web', servicePorts: [10000] }] });
  expect((await call(`${url}?status=staging`)).json).toEqual({ tasks: [] });
  expect((await call(`${url}?status=running`)).json).toMatchObject({ tasks: { length: 1 } });
  expect((await call(url, 'GET', undefined, { Accept: 'text/plain' })).status).toBe(406);
  const old = await marathonOf({ tasks: 'paper', dialect: '1.4' });
  await old.post({ id: 'a/web' });
  await old.settled();
  const text = await call(`${old.urls[0]}/v2/tasks`, 'GET', undefined, { Accept: 'text/plain' });
  expect(text.text).toMatch(/^a_web\t10000\t127\.0\.0\.\d:\d+\t\n$/);
});

test('apps that find no agent wait in the queue', async () => {
  const marathon = await marathonOf({ tasks: 'paper', agentPorts: { from: 31000, to: 31000 } });
  await marathon.post({ id: 'web', instances: 5 });
  await marathon.until('web', (tasks) => tasks.filter(({ state }) => state === 'TASK_RUNNING').length === 3);
  expect((await call(`${marathon.urls[0]}/v2/queue`)).json).toMatchObject({
    queue: [{ app: { id: '/web' }, count: 2 }],
  });
  await marathon.scale('web', 3, true);
  await marathon.settled('web');
  expect((await call(`${marathon.urls[0]}/v2/queue`)).json).toEqual({ queue: [] });
});

test('info, leader, ping, pods and what does not exist', async () => {
  const marathon = await marathonOf();
  const base = marathon.urls[0];
  const host = new URL(base ?? '').host;
  expect((await call(`${base}/v2/info`)).json).toMatchObject({ name: 'marathon', version: '1.10.26', leader: host });
  expect((await call(`${base}/v2/leader`)).json).toEqual({ leader: host });
  expect((await call(`${base}/ping`, 'GET', undefined, { Accept: '*/*' })).text).toBe('pong');
  expect((await call(`${base}/v2/pods`)).json).toEqual([]);
  expect(await call(`${base}/nope`)).toMatchObject({ status: 500, json: { message: 'URI not found' } });
  const old = await marathonOf({ dialect: '1.4' });
  expect((await call(`${old.urls[0]}/nope`)).status).toBe(404);
  expect((await call(`${base}/v2/leader`, 'DELETE')).json).toEqual({ message: 'Leadership abdicated' });
});

test('many apps are posted, deployed and listed', async () => {
  const marathon = await marathonOf({ tasks: 'paper' });
  await Promise.all(
    Array.from({ length: 300 }, (_, i) => marathon.post({ id: `app-${i}`, instances: 3, healthChecks: [CHECK] })),
  );
  await marathon.settled();
  const { json } = await call(`${marathon.urls[0]}/v2/apps?embed=apps.tasks`);
  const apps = json['apps'] as Json[];
  expect(apps).toHaveLength(300);
  expect(apps.every((app) => app['tasksHealthy'] === 3)).toBe(true);
  const used = apps.flatMap((app) =>
    (app['tasks'] as Json[]).map((task) => `${String(task['host'])}:${JSON.stringify(task['ports'])}`),
  );
  expect(new Set(used).size).toBe(900);
});
