import { Agent, get } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { CHECK, call, marathonOf } from './rig.ts';

test('a rolling upgrade never has fewer healthy tasks than the minimum, and replaces all', async () => {
  const marathon = await marathonOf();
  await marathon.post({
    id: 'web',
    instances: 4,
    taskKillGracePeriodSeconds: 1,
    healthChecks: [CHECK],
    upgradeStrategy: { minimumHealthCapacity: 0.5, maximumOverCapacity: 0 },
  });
  await marathon.settled('web');
  const before = marathon.tasks('web').map(({ id }) => id);
  const healthy: number[] = [];
  const running: number[] = [];
  const watching = marathon.until('web', (tasks) => {
    const up = tasks.filter(({ state }) => state === 'TASK_RUNNING');
    healthy.push(up.filter(({ json }) => JSON.stringify(json['healthCheckResults']).includes('"alive":true')).length);
    running.push(tasks.length);
    return tasks.length === 4 && tasks.every(({ id }) => !before.includes(id)) && healthy.at(-1) === 4;
  });
  const put = await call(`${marathon.urls[0]}/v2/apps/web`, 'PUT', { labels: { HAPROXY_GROUP: 'external' } });
  const { json } = await call(`${marathon.urls[0]}/v2/apps?embed=apps.tasks`);
  expect(json).toMatchObject({
    apps: [
      {
        version: put.json['version'],
        labels: { HAPROXY_GROUP: 'external' },
        deployments: [{ id: put.json['deploymentId'] }],
      },
    ],
  });
  await watching;
  await marathon.settled('web');
  const killings = marathon.events().filter(({ body }) => body['taskStatus'] === 'TASK_KILLING');
  expect(killings.map(({ body }) => body['taskId']).sort()).toEqual([...before].sort());
  expect(Math.min(...healthy)).toBe(2);
  expect(Math.max(...running)).toBe(4);
  expect(marathon.tasks('web').every(({ version }) => version === put.json['version'])).toBe(true);
});

test('with full minimum and no over-capacity one extra instance gets the upgrade going', async () => {
  const marathon = await marathonOf();
  const upgradeStrategy = { minimumHealthCapacity: 1, maximumOverCapacity: 0 };
  await marathon.post({
    id: 'web',
    instances: 2,
    taskKillGracePeriodSeconds: 0,
    healthChecks: [CHECK],
    upgradeStrategy,
  });
  await marathon.settled('web');
  const counts = new Set<number>();
  const watching = marathon.until('web', (tasks) => {
    counts.add(tasks.length);
    return tasks.length === 2 && counts.has(3);
  });
  await marathon.restart('web');
  await watching;
  await marathon.settled('web');
  expect([...counts].sort()).toEqual([2, 3]);
});

test('the definitions of running old tasks stay readable by their version', async () => {
  const marathon = await marathonOf({ health: 'manual' });
  await marathon.post({ id: 'a/web', healthChecks: [CHECK], labels: { color: 'blue' } });
  await marathon.until('a/web', (tasks) => tasks[0]?.state === 'TASK_RUNNING');
  const [old] = marathon.tasks('a/web');
  marathon.setHealth('a/web', true);
  await marathon.settled('a/web');
  await marathon.put('a/web', { labels: { color: 'green' } });
  const versions = await call(`${marathon.urls[0]}/v2/apps/a/web/versions`);
  expect(versions.json['versions']).toHaveLength(2);
  expect((versions.json['versions'] as string[])[1]).toBe(old?.version);
  const definition = await call(`${marathon.urls[0]}/v2/apps/a/web/versions/${old?.version}`);
  expect(definition.json).toMatchObject({ id: '/a/web', labels: { color: 'blue' }, version: old?.version });
  expect(definition.json).not.toHaveProperty('tasksRunning');
  expect((await call(`${marathon.urls[0]}/v2/apps/a/web/versions/2001-01-01T00:00:00.000Z`)).status).toBe(404);
});

test('an app that never gets healthy keeps its deployment and its lock; force breaks it, roll-back restores', async () => {
  const marathon = await marathonOf({ health: 'manual' });
  await marathon.post({ id: 'web', labels: { color: 'blue' } });
  await marathon.settled('web');
  const put = await call(`${marathon.urls[0]}/v2/apps/web`, 'PUT', {
    labels: { color: 'green' },
    healthChecks: [CHECK],
  });
  const listed = await call(`${marathon.urls[0]}/v2/deployments`);
  expect(listed.json).toMatchObject([
    {
      id: put.json['deploymentId'],
      affectedApps: ['/web'],
      currentStep: 1,
      totalSteps: 1,
      currentActions: [{ action: 'RestartApplication', app: '/web' }],
    },
  ]);
  const locked = await call(`${marathon.urls[0]}/v2/apps/web`, 'PUT', { instances: 2 });
  expect(locked).toMatchObject({ status: 409, json: { deployments: [{ id: put.json['deploymentId'] }] } });
  const undone = await call(`${marathon.urls[0]}/v2/deployments/${put.json['deploymentId']}`, 'DELETE');
  expect(undone.status).toBe(200);
  await marathon.settled('web');
  expect((await call(`${marathon.urls[0]}/v2/apps/web`)).json).toMatchObject({ app: { labels: { color: 'blue' } } });
  expect(marathon.events().map(({ type }) => type)).toContain('deployment_failed');
  const forced = await call(`${marathon.urls[0]}/v2/apps/web?force=true`, 'PUT', { instances: 2 });
  expect(forced.status).toBe(200);
});

test('a PUT that changes nothing changes nothing', async () => {
  const marathon = await marathonOf();
  await marathon.post({ id: 'web', labels: { a: 'b' } });
  await marathon.settled('web');
  const [task] = marathon.tasks('web');
  const put = await call(`${marathon.urls[0]}/v2/apps/web`, 'PUT', { labels: { a: 'b' }, instances: 1 });
  expect(put.status).toBe(200);
  await marathon.settled();
  expect(marathon.tasks('web').map(({ id }) => id)).toEqual([task?.id]);
  expect((await call(`${marathon.urls[0]}/v2/apps/web`)).json).toMatchObject({
    app: { version: task?.version, deployments: [] },
  });
});

test('a task that is killed serves a keep-alive client until its grace ends', async () => {
  const marathon = await marathonOf();
  await marathon.post({ id: 'web', taskKillGracePeriodSeconds: 20 });
  await marathon.settled('web');
  const at = marathon.tasks('web')[0]?.listens[0];
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const ask = (): Promise<{ status: number; connection: string | undefined; reused: boolean }> =>
    new Promise((resolve, reject) => {
      const asking = get({ host: at?.address, port: at?.port, agent }, (answer) => {
        answer.resume();
        answer.on('end', () =>
          resolve({
            status: answer.statusCode ?? 0,
            connection: answer.headers.connection,
            reused: asking.reusedSocket,
          }),
        );
      });
      asking.on('error', reject);
    });
  await ask();
  const began = Date.now();
  await marathon.delete('web');
  let asked = 0;
  let last = await ask();
  while (last.connection !== 'close') {
    expect(last).toMatchObject({ status: 200, reused: true });
    asked++;
    await pause(5);
    last = await ask();
  }
  expect(last.status).toBe(200);
  expect(asked).toBeGreaterThan(5);
  await marathon.settled();
  expect(Date.now() - began).toBeGreaterThan(390);
  await expect(ask()).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  agent.destroy();
});

test('an agent that is lost: by default its tasks are replaced at once, and the old process is not forgotten', async () => {
  const marathon = await marathonOf({ agentLostSeconds: 2 });
  await marathon.post({ id: 'web' });
  await marathon.settled('web');
  const [old] = marathon.tasks('web');
  marathon.loseAgent(String(old?.json['host']), 'partitioned');
  await marathon.until('web', (tasks) => tasks.some((task) => task.id !== old?.id && task.state === 'TASK_RUNNING'));
  expect(marathon.tasks('web')).toHaveLength(1);
  expect(marathon.alive()).toHaveLength(2);
  marathon.returnAgent(String(old?.json['host']));
  expect(marathon.events().at(-1)?.type).toBe('unknown_instance_terminated_event');
  expect(marathon.alive()).toHaveLength(1);
});

test('an agent that is lost: with a patient strategy the task stays listed as unreachable, and may come back', async () => {
  const marathon = await marathonOf({ agentLostSeconds: 1 });
  const unreachableStrategy = { inactiveAfterSeconds: 5, expungeAfterSeconds: 1000 };
  await marathon.post({ id: 'web', unreachableStrategy });
  await marathon.settled('web');
  const [old] = marathon.tasks('web');
  const host = String(old?.json['host']);
  marathon.loseAgent(host, 'partitioned');
  await marathon.until('web', (tasks) => tasks[0]?.state === 'TASK_UNREACHABLE');
  expect(marathon.tasks('web')[0]?.json).toMatchObject({ id: old?.id, ports: old?.json['ports'] });
  await marathon.until('web', (tasks) => tasks.filter(({ state }) => state === 'TASK_RUNNING').length === 1);
  expect(marathon.tasks('web')).toHaveLength(2);
  marathon.returnAgent(host);
  await marathon.until('web', (tasks) => tasks.length === 1);
  expect(marathon.tasks('web')[0]?.id).toBe(old?.id);
});

test('killing tasks by id replaces them, or scales their apps down', async () => {
  const marathon = await marathonOf();
  await marathon.post({ id: 'web', instances: 2, taskKillGracePeriodSeconds: 0 });
  await marathon.settled('web');
  const [first, second] = marathon.tasks('web');
  await call(`${marathon.urls[0]}/v2/tasks/delete`, 'POST', { ids: [first?.id] });
  await marathon.until(
    'web',
    (tasks) => tasks.filter((t) => t.state === 'TASK_RUNNING' && t.id !== first?.id).length === 2,
  );
  const scaled = await call(`${marathon.urls[0]}/v2/apps/web/tasks/${second?.id}?scale=true`, 'DELETE');
  expect(scaled.json).toMatchObject({ deploymentId: expect.any(String) });
  await marathon.settled('web');
  expect(marathon.tasks('web').map(({ id }) => id)).not.toContain(second?.id);
  expect((await call(`${marathon.urls[0]}/v2/apps/web`)).json).toMatchObject({
    app: { instances: 1, tasksRunning: 1 },
  });
});
