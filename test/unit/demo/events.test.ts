import { expect, test } from 'vitest';
import { CHECK, call, eventStream, marathonOf, told } from './rig.ts';

const done = (text: string): boolean => text.includes('event: deployment_success');

test('creating an app with a health check tells what Marathon tells, in its order', async () => {
  const marathon = await marathonOf();
  const stream = await eventStream(marathon.urls[0] ?? '');
  const posted = await call(`${marathon.urls[0]}/v2/apps`, 'POST', { id: 'web', cmd: 'serve', healthChecks: [CHECK] });
  expect(posted.status).toBe(201);
  expect(told(await stream.until(done))).toEqual([
    'deployment_info StartApplication',
    'add_health_check_event',
    'deployment_step_success StartApplication',
    'group_change_success',
    'deployment_info ScaleApplication',
    'api_post_event',
    'instance_changed_event Scheduled',
    'instance_changed_event Provisioned',
    'status_update_event TASK_STARTING',
    'instance_changed_event Starting',
    'status_update_event TASK_RUNNING',
    'instance_changed_event Running',
    'instance_health_changed_event true',
    'health_status_changed_event true',
    'deployment_step_success ScaleApplication',
    'deployment_success',
  ]);
});

test('a probe that fails inside the grace period tells of health once and records nothing', async () => {
  const marathon = await marathonOf();
  const stream = await eventStream(marathon.urls[0] ?? '');
  await marathon.post({
    id: 'web',
    env: { TASK_HEALTHY_AFTER_MS: '150' },
    healthChecks: [{ ...CHECK, gracePeriodSeconds: 300 }],
  });
  await stream.until((text) => text.includes('"healthy":false'));
  expect(marathon.tasks('web')[0]?.json['healthCheckResults']).toMatchObject([
    { alive: false, consecutiveFailures: 0 },
  ]);
  expect(marathon.tasks('web')[0]?.json['healthCheckResults']).not.toHaveProperty([0, 'lastFailure']);
  const events = told(await stream.until(done));
  expect(events.filter((event) => event.includes('health') && !event.startsWith('add'))).toEqual([
    'instance_health_changed_event false',
    'instance_health_changed_event true',
    'health_status_changed_event true',
  ]);
});

test('scaling up keeps the old task, its version and its health, and adds tasks one by one', async () => {
  const marathon = await marathonOf({ delays: { offer: 15 } });
  await marathon.post({ id: 'web', healthChecks: [CHECK] });
  await marathon.settled('web');
  const [old] = marathon.tasks('web');
  const stream = await eventStream(marathon.urls[0] ?? '');
  const scaled = await call(`${marathon.urls[0]}/v2/apps/web`, 'PUT', { instances: 6 });
  expect(scaled).toMatchObject({ status: 200, json: { deploymentId: expect.any(String) } });
  const seen = new Set<number>();
  await marathon.until('web', (tasks) => seen.add(tasks.length) && tasks.length === 6);
  expect([...seen]).toEqual([1, 2, 3, 4, 5, 6]);
  const events = told(await stream.until(done));
  expect(events.slice(0, 3)).toEqual(['deployment_info ScaleApplication', 'group_change_success', 'api_post_event']);
  const { json } = await call(`${marathon.urls[0]}/v2/apps/web`);
  const app = json['app'] as Record<string, unknown>;
  expect(app).toMatchObject({
    instances: 6,
    tasksHealthy: 6,
    version: scaled.json['version'],
    versionInfo: { lastScalingAt: scaled.json['version'], lastConfigChangeAt: old?.version },
  });
  const kept = marathon.tasks('web').find((task) => task.id === old?.id);
  expect(kept).toMatchObject({ version: old?.version, json: { healthCheckResults: [{ alive: true }] } });
});

test('scaling down tells the goal, then killing and killed, and kills the youngest', async () => {
  const marathon = await marathonOf();
  await marathon.post({ id: 'web', taskKillGracePeriodSeconds: 1 });
  await marathon.settled('web');
  const [oldest] = marathon.tasks('web');
  await marathon.scale('web', 2);
  await marathon.settled('web');
  const stream = await eventStream(marathon.urls[0] ?? '');
  await marathon.scale('web', 1);
  expect(told(await stream.until(done)).slice(3)).toEqual([
    'instance_changed_event Running',
    'status_update_event TASK_KILLING',
    'instance_changed_event Killing',
    'status_update_event TASK_KILLED',
    'instance_changed_event Killed',
    'deployment_step_success ScaleApplication',
    'deployment_success',
  ]);
  expect(marathon.tasks('web').map(({ id }) => id)).toEqual([oldest?.id]);
});

test('deleting removes the app at once while its task still runs, and ends with app_terminated', async () => {
  const marathon = await marathonOf();
  await marathon.post({ id: 'web', healthChecks: [CHECK], taskKillGracePeriodSeconds: 10 });
  await marathon.settled('web');
  const stream = await eventStream(marathon.urls[0] ?? '');
  const deleted = await call(`${marathon.urls[0]}/v2/apps/web`, 'DELETE');
  expect(deleted.status).toBe(200);
  expect((await call(`${marathon.urls[0]}/v2/apps?embed=apps.tasks`)).json).toEqual({ apps: [] });
  expect(marathon.alive()).toHaveLength(1);
  expect((await call(`${marathon.urls[0]}/v2/apps/web`)).json).toEqual({ message: "App '/web' does not exist" });
  expect(told(await stream.until(done))).toEqual([
    'deployment_info StopApplication',
    'instance_changed_event Running',
    'remove_health_check_event',
    'group_change_success',
    'status_update_event TASK_KILLING',
    'instance_changed_event Killing',
    'status_update_event TASK_KILLED',
    'instance_changed_event Killed',
    'app_terminated_event',
    'deployment_step_success StopApplication',
    'deployment_success',
  ]);
  expect(marathon.alive()).toEqual([]);
});

test('without the task_killing feature a task being killed looks like a running one', async () => {
  const marathon = await marathonOf({ taskKilling: false });
  await marathon.post({ id: 'web', taskKillGracePeriodSeconds: 20 });
  await marathon.settled('web');
  const stream = await eventStream(marathon.urls[0] ?? '');
  await marathon.scale('web', 0);
  expect(marathon.tasks('web').map(({ state }) => state)).toEqual(['TASK_RUNNING']);
  expect(told(await stream.until(done))).not.toContain('status_update_event TASK_KILLING');
});

test('a crash leaves the ended task listed until its next incarnation (1.8 and later)', async () => {
  const marathon = await marathonOf();
  await marathon.post({ id: 'web', backoffSeconds: 5 });
  await marathon.settled('web');
  const stream = await eventStream(marathon.urls[0] ?? '');
  const [first] = marathon.tasks('web');
  marathon.crashTask(first?.id ?? '');
  const [ended] = marathon.tasks('web');
  expect(ended?.json).toMatchObject({ id: first?.id, state: 'TASK_FAILED', ports: [], healthCheckResults: [] });
  expect(ended?.json).not.toHaveProperty('version');
  expect(ended?.json).not.toHaveProperty('startedAt');
  await marathon.until('web', (tasks) => tasks.some(({ state }) => state === 'TASK_RUNNING'));
  expect(marathon.tasks('web').map(({ id }) => id)).toEqual([first?.id.replace(/1$/, '2')]);
  expect(told(stream.text()).slice(0, 4)).toEqual([
    'status_update_event TASK_FAILED',
    'instance_changed_event Failed',
    'instance_changed_event Provisioned',
    'status_update_event TASK_STARTING',
  ]);
  const { json } = await call(`${marathon.urls[0]}/v2/apps?embed=apps.lastTaskFailure`);
  expect(json).toMatchObject({ apps: [{ lastTaskFailure: { taskId: first?.id, state: 'TASK_FAILED' } }] });
});

test('a task that fails its check once more than allowed is killed and started again', async () => {
  const marathon = await marathonOf();
  await marathon.post({
    id: 'web',
    taskKillGracePeriodSeconds: 0,
    healthChecks: [{ ...CHECK, maxConsecutiveFailures: 2 }],
  });
  await marathon.settled('web');
  const stream = await eventStream(marathon.urls[0] ?? '');
  const [first] = marathon.tasks('web');
  first?.real?.setHealthy(false);
  await marathon.until('web', (tasks) => tasks.some((task) => task.id !== first?.id));
  expect(told(stream.text()).slice(0, 7)).toEqual([
    'failed_health_check_event',
    'instance_health_changed_event false',
    'health_status_changed_event false',
    'failed_health_check_event',
    'failed_health_check_event',
    'unhealthy_instance_kill_event',
    'status_update_event TASK_KILLING',
  ]);
});
